import Foundation

/// Carries out jobs in a thread of its own, one at a time: two would measure each other.
public final class Session {
    public static let jobName = "job.json"

    private let files: URL
    private let device: Device
    private let runtime: Runtime
    private let listener: @Sendable (Step) -> Void
    private let lock = NSCondition()
    private var runId: String? // of what is measured; nil: nothing is
    private var failed = false // what was carried out last

    /// - Parameters:
    ///   - files: the folder with the job, the artifacts and the test sets
    ///   - listener: is told every step, in any thread
    public init(files: URL, device: Device, runtime: Runtime, listener: @escaping @Sendable (Step) -> Void) {
        self.files = files
        self.device = device
        self.runtime = runtime
        self.listener = listener
    }

    /// Begins the job that lies in the folder, unless one is measured now.
    public func start() {
        lock.lock()
        defer { lock.unlock() }
        guard let text = try? Data(contentsOf: files.appendingPathComponent(Self.jobName)) else {
            if runId == nil {
                say("Waiting for a job", "The computer puts it here and starts this app.")
            }
            return
        }
        let given = Job.runId(text)
        if let runId {
            if runId != given {
                refuse(given, "run \(runId) is being measured; stop it first")
            }
            return
        }
        do {
            begin(try Job(text))
        } catch {
            failed = true
            say("Bad job", error.localizedDescription)
            refuse(given, error.localizedDescription)
        }
    }

    /// Waits until nothing is measured; whether what was asked for last went well.
    public func join() -> Bool {
        lock.lock()
        defer { lock.unlock() }
        while runId != nil {
            lock.wait()
        }
        return !failed
    }

    private func begin(_ job: Job) {
        runId = job.runId
        let thread = Thread { [self] in
            let (title, about, wrong) = carryOut(job)
            say(title, about)
            lock.lock()
            runId = nil
            failed = wrong
            lock.broadcast()
            lock.unlock()
        }
        thread.qualityOfService = .userInteractive
        thread.stackSize = 8 << 20 // as the main thread has
        thread.start()
    }

    /// What is to be said when it is over, details, and whether something went wrong.
    private func carryOut(_ job: Job) -> (String, String, Bool) {
        do {
            let store = try FileStore(files.appendingPathComponent(job.runId))
            if store.has(Bench.doneName) {
                return ("This run has ended", "Start another one for what is missing.", false)
            }
            let wrong = try Bench.run(
                job, files: files, store: store, device: device, runtime: runtime, listener: listener)
            return wrong.isEmpty
                ? ("Done", "The result is written; the computer fetches it.", false) : ("Stopped", wrong, true)
        } catch {
            return ("Stopped", error.localizedDescription, true)
        }
    }

    /// Tells the host that its job is not carried out, where the job has a run to look for the answer in.
    private func refuse(_ refused: String?, _ why: String) {
        guard let refused, let store = try? FileStore(files.appendingPathComponent(refused)) else {
            return
        }
        if !store.has(Bench.doneName) {
            _ = try? Bench.done(store, why)
        }
    }

    private func say(_ title: String, _ about: String) {
        listener(Step(title: title, about: about, done: 0, total: 0))
    }
}
