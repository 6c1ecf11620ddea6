import Foundation

/// How far a run is.
public struct Step: Equatable, Sendable {
    /// What is done now, such as "loading".
    public let title: String
    /// What it is done to, such as an artifact and its accelerator.
    public let about: String
    /// Repetitions that are measured.
    public let done: Int
    /// Repetitions that there are to be; 0: nothing is measured.
    public let total: Int

    public init(title: String, about: String, done: Int, total: Int) {
        self.title = title
        self.about = about
        self.done = done
        self.total = total
    }
}

/// Says how far the run is, to the screen and in `progress.json`.
///
/// It is the measuring thread that says so, between its steps: an app that hangs is silent. Only one call of the runtime,
/// above all a load for the Neural Engine, may make it silent for longer than ``every``.
final class Progress {
    static let name = "progress.json"

    private struct Document: Encodable {
        let done: Int
        let total: Int
        let what: String
        let model: Int
        let alive: Int64
    }

    /// Nanoseconds after which it says again that it lives.
    private static let every: Int64 = 1_500_000_000

    private let store: Store
    private let device: Device
    private let listener: (Step) -> Void
    private let total: Int
    private var done = 0
    private var title = ""
    private var about = ""
    private var model = 0
    private var said: Int64 = 0

    init(_ store: Store, _ device: Device, total: Int, listener: @escaping (Step) -> Void) {
        self.store = store
        self.device = device
        self.total = total
        self.listener = listener
    }

    /// Something else is done from now on; see ``Step``. `model` is the index of the job's model.
    func begin(_ title: String, _ about: String, _ model: Int) throws {
        self.title = title
        self.about = about
        self.model = model
        try say()
    }

    /// A repetition is measured.
    func repetition() throws {
        done += 1
        try say()
    }

    /// To be called often; says that it lives when it was silent for long.
    func alive() throws {
        if device.nanoTime - said >= Self.every {
            try say()
        }
    }

    /// Sleeps, but says that it lives.
    func sleep(seconds: Double) throws {
        let end = device.nanoTime + Int64(seconds * 1e9)
        while case let left = end - device.nanoTime, left > 0 {
            device.sleep(milliseconds: min(1000, left / 1_000_000 + 1))
            try alive()
        }
    }

    private func say() throws {
        said = device.nanoTime
        listener(Step(title: title, about: about, done: done, total: total))
        let what = "\(title): \(about)"
        let document = Document(done: done, total: total, what: what, model: model, alive: device.wallMillis)
        try store.write(Self.name, JSON.write(document))
    }
}
