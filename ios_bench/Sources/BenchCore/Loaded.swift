import Foundation

/// A model that is loaded, with its test set: what is measured of it, one method a step.
final class Loaded {
    private let model: Model
    private let measurement: MeasurementProtocol
    private let device: Device
    private let progress: Progress
    private let testSet: TestSet
    private let engine: Engine
    private let compiled: CompiledModel // the engine may read it again at any time
    private let loadNs: Int64
    private let baselineBytes: Int?
    private let peakBefore: Int?

    /// Compiles and loads the artifact; only the load is timed.
    init(
        _ model: Model, _ measurement: MeasurementProtocol, files: URL, _ device: Device, _ runtime: Runtime,
        _ progress: Progress
    ) throws {
        self.model = model
        self.measurement = measurement
        self.device = device
        self.progress = progress
        testSet = try TestSet(files.appendingPathComponent(model.inputsFile), model, count: measurement.count)
        compiled = try CompiledModel(files.appendingPathComponent(model.file), runtime)
        baselineBytes = device.residentBytes
        peakBefore = device.peakResidentBytes
        let start = device.nanoTime
        engine = try runtime.open(compiled.folder, as: model)
        loadNs = device.nanoTime - start
    }

    /// Throws where the files of a model are not those of the job.
    static func verify(_ model: Model, files: URL) throws {
        for (name, sha256) in [(model.file, model.sha256), (model.inputsFile, model.inputsSha256)] {
            guard FileManager.default.fileExists(atPath: files.appendingPathComponent(name).path) else {
                throw RuntimeError("\(name): is missing; the host did not send it")
            }
            let found = try Digest.of(fileOrFolder: files.appendingPathComponent(name))
            if found != sha256 {
                throw RuntimeError("\(name): is not what the host sent: its SHA-256 is \(found)")
            }
        }
    }

    /// Makes the first inference; only then it is asked where the operations are, as the plan fills the system's caches.
    func infer(_ run: inout Run) throws {
        try engine.write(testSet.read(0))
        let first = try sample()
        let peak = device.peakResidentBytes
        try place(&run)
        run.loadNs = loadNs
        run.firstInferenceNs = first
        run.baselineMemoryBytes = baselineBytes
        // The system has one peak, since the process began: where the load did not raise it, that of the load is not known.
        run.peakMemoryBytes = peakBefore.flatMap { before in peak.flatMap { $0 > before ? $0 : nil } }
    }

    /// Runs the whole test set once; the outputs for the first inputs, as the job wants them kept.
    func outputs(_ job: Job, _ run: inout Run) throws -> Data {
        var kept = Data()
        var digests: [String] = []
        for input in 0..<measurement.count {
            try engine.write(testSet.read(input))
            _ = try sample()
            let values = try engine.read()
            try checkFinite(values, input)
            let bytes = littleEndian(values)
            digests.append(Digest.of(bytes))
            if input < job.keptOutputs {
                kept += bytes
            }
            if input < job.inlineOutputs && values.count <= job.inlineValues {
                run.output(input, model.outputs, values)
            }
            try progress.alive()
        }
        run.inputsSha256 = model.inputsSha256
        run.outputsSha256 = digests
        return kept
    }

    /// Inferences without a clock until the device runs as fast as it will.
    func warmUp() throws {
        try engine.write(testSet.read(0))
        let end = device.nanoTime + Int64(measurement.warmUpSeconds * 1e9)
        var runs = 0
        while runs < measurement.warmUpRuns || device.nanoTime < end {
            _ = try sample()
            runs += 1
            try progress.alive()
        }
    }

    /// One inference of every input, in nanoseconds.
    func samples() throws -> [Int64] {
        try (0..<measurement.count).map { input in
            try engine.write(testSet.read(input))
            let nanoseconds = try sample()
            try progress.alive()
            try Interruption.check(device)
            return nanoseconds
        }
    }

    private func sample() throws -> Int64 {
        let nanoseconds = try engine.run()
        if nanoseconds <= 0 {
            throw RuntimeError("an inference of \(nanoseconds) ns: the clock stands still")
        }
        return nanoseconds
    }

    /// Operations that are elsewhere than they were asked to be are an error, and no numbers.
    private func place(_ run: inout Run) throws {
        guard let plan = try engine.plan() else {
            if model.requested != .cpu {
                throw RuntimeError("where the operations are is told by iOS 17.4, macOS 14.4 and later only; "
                    + "without that nothing is measured on \(model.requested.title)")
            }
            run.actual = Placement(onTheCPU: model.totalOps)
            return
        }
        let placement = try Placement(plan: plan, requested: model.requested, total: model.totalOps)
        run.actual = placement
        if !placement.leftOver.isEmpty {
            let some = placement.leftOver.prefix(3).joined(separator: ", ")
            throw RuntimeError("\(placement.leftOver.count) of \(plan.filter(\.isExecuted).count) operations are not on "
                + "\(model.requested.title) (\(some)); nothing stands in for it")
        }
    }

    private func checkFinite(_ values: [Float], _ input: Int) throws {
        var start = 0
        for tensor in model.outputs {
            if !values[start..<start + tensor.size].allSatisfy(\.isFinite) {
                throw RuntimeError("output \(tensor.name) for input \(input) has values that are not finite")
            }
            start += tensor.size
        }
    }
}
