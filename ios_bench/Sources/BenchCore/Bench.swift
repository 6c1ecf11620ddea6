import Foundation

/// Carries out a job: loads every model and runs the test set once, then measures one repetition of each after the other,
/// A B C A B C.
///
/// All models stay loaded, as on a host: to load one anew before every repetition would heat the phone, the Neural Engine
/// above all, for which programs are compiled then.
public final class Bench {
    public static let doneName = "done.json"

    private struct Done: Encodable {
        let resultSha256: String
        let reason: String
        let message: String
    }

    private let job: Job
    private let files: URL
    private let store: Store
    private let device: Device
    private let runtime: Runtime
    private let progress: Progress
    private let report: Report
    private var loaded: [Loaded?]

    private init(
        _ job: Job, _ files: URL, _ store: Store, _ device: Device, _ runtime: Runtime,
        _ listener: @escaping (Step) -> Void
    ) {
        self.job = job
        self.files = files
        self.store = store
        self.device = device
        self.runtime = runtime
        progress = Progress(store, device, total: job.total, listener: listener)
        report = Report(job, device, runtimeVersion: runtime.version, store)
        loaded = job.models.map { _ in nil }
    }

    /// Measures, and writes the done marker whatever happens.
    ///
    /// - Parameters:
    ///   - files: where the artifacts and the test sets are
    ///   - store: the folder of the run
    /// - Returns: what the done marker says went wrong; empty: nothing
    /// - Throws: not even the done marker could be written
    public static func run(
        _ job: Job, files: URL, store: Store, device: Device, runtime: Runtime, listener: @escaping (Step) -> Void
    ) throws -> String {
        if store.has(Report.name) { // the app was started again, after a crash: what it measured must stay
            return try done(store, "this run was begun before and broke off; start another one for what is missing")
        }
        var wrong: String
        do {
            wrong = try Bench(job, files, store, device, runtime, listener).measure()
        } catch let error as Interruption {
            wrong = error.reason
        } catch {
            if error is StoreError {
                store.release()
            }
            wrong = error.localizedDescription
        }
        return try done(store, wrong)
    }

    /// Writes the done marker. `wrong` is what went wrong; empty: nothing.
    ///
    /// Its hash is that of the result; of no bytes at all where there is no result.
    @discardableResult
    public static func done(_ store: Store, _ wrong: String) throws -> String {
        let result = store.has(Report.name) ? try store.read(Report.name) : Data()
        let reason = wrong.isEmpty ? "complete" : "error"
        let done = Done(resultSha256: Digest.of(result), reason: reason, message: wrong)
        try store.write(doneName, JSON.write(done))
        return wrong
    }

    private func measure() throws -> String {
        try report.write(complete: false) // from now on the host finds one
        for k in loaded.indices {
            try load(k)
        }
        let wrong = try repeatAll()
        try report.write(complete: true)
        return wrong
    }

    private func repeatAll() throws -> String {
        for index in 0..<job.measurement.repetitions {
            for k in loaded.indices where loaded[k] != nil && job.models[k].repetitions.contains(index) {
                if try !cooled(k) {
                    return tooHot(index, k)
                }
                try measureRepetition(k, index)
            }
        }
        return ""
    }

    private func load(_ k: Int) throws {
        let model = job.models[k]
        try progress.begin("loading", model.description, k)
        try attempt(k, "load") {
            try Loaded.verify(model, files: files)
            let found = try Loaded(model, job.measurement, files: files, device, runtime, progress)
            try found.infer(&report.runs[k])
            loaded[k] = found
        }
        guard let found = loaded[k] else {
            return
        }
        try progress.begin("running the test set", model.description, k)
        try attempt(k, "test set") {
            try store.write("outputs_\(k).f32", found.outputs(job, &report.runs[k]))
        }
    }

    /// Idle time, then what the job allows for the device to cool down; false: it is still too hot.
    private func cooled(_ k: Int) throws -> Bool {
        try progress.begin("cooling down", "then \(job.models[k].description)", k)
        try progress.sleep(seconds: job.measurement.coolDownSeconds)
        let end = device.nanoTime + Int64(job.thermalWaitSeconds * 1e9)
        while let status = device.thermalStatus, status > job.maxThermalStatus {
            if device.nanoTime >= end {
                return false
            }
            let about = "thermal state \(status), at most \(job.maxThermalStatus)"
            try progress.begin("waiting for the phone to cool down", about, k)
            try progress.sleep(seconds: 1)
        }
        return true
    }

    private func measureRepetition(_ k: Int, _ index: Int) throws {
        guard let model = loaded[k] else {
            return
        }
        let title = "repetition \(index + 1) of \(job.measurement.repetitions)"
        try progress.begin(title, job.models[k].description, k)
        try attempt(k, "repetition \(index)") {
            try Interruption.check(device)
            let before = device.state
            try model.warmUp()
            let start = Report.utc(device.wallMillis)
            let samples = try model.samples()
            report.runs[k].repetitions.append(
                .init(index: index, start: start, samplesNs: samples, stateBefore: before, stateAfter: device.state))
        }
        if loaded[k] != nil {
            try report.write(complete: false)
            try progress.repetition()
        }
    }

    /// Puts an error in the place of every repetition that will not come, from `index` of `first` on.
    private func tooHot(_ index: Int, _ first: Int) -> String {
        let status = device.thermalStatus.map { "\($0)" } ?? "unknown"
        let wrong = "phone too hot: thermal state \(status) after \(job.thermalWaitSeconds) s of waiting, "
            + "at most \(job.maxThermalStatus) is allowed"
        for k in loaded.indices where loaded[k] != nil {
            for repetition in job.models[k].repetitions where repetition >= (k < first ? index + 1 : index) {
                report.error(k, "repetition \(repetition)", wrong)
            }
        }
        return wrong
    }

    /// A record in the place of the numbers that will not come, where a step of a model fails; the other models go on.
    /// What ends the whole run is thrown.
    private func attempt(_ k: Int, _ step: String, _ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error where error is StoreError || error is Interruption {
            throw error
        } catch {
            report.error(k, step, error.localizedDescription)
            loaded[k] = nil
            try report.write(complete: false)
        }
    }
}
