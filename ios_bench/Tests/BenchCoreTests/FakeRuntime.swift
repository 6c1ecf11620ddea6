import Foundation

@testable import BenchCore

/// A runtime whose artifacts double their input; an inference lasts 100 ms.
final class FakeRuntime: Runtime {
    static let load: Int64 = 700_000_000
    static let inference: Int64 = 100_000_000

    let version = "system"
    /// What a call throws, by "compile NAME", "open NAME" or "run NAME NUMBER".
    var failures: [String: Error] = [:]
    /// Done at "run NAME NUMBER".
    var hooks: [String: () -> Void] = [:]
    /// Names of the models whose outputs are not finite.
    var notFinite: Set<String> = []
    /// Of a model's name; where there is none, all operations are where they were asked to be.
    var plans: [String: [PlannedOperation]] = [:]
    /// Whether the system says where operations are.
    var tellsPlan = true
    /// Folders of compiled models, by name.
    var compiled: [String: URL] = [:]
    /// Engines that are open now.
    var open = 0

    let device: FakeDevice

    init(_ device: FakeDevice) {
        self.device = device
    }

    func compile(_ package: URL) throws -> URL {
        let model = package.appendingPathComponent("Data").appendingPathComponent("model.mlmodel")
        let name = String(decoding: try Data(contentsOf: model), as: UTF8.self)
        device.log.append("compile \(name)")
        device.now += Self.load
        try fail("compile \(name)")
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        compiled[name] = folder
        return folder
    }

    func open(_ compiled: URL, as model: Model) throws -> Engine {
        device.log.append("open \(model.name) \(model.requested.rawValue)")
        device.now += Self.load
        try fail("open \(model.name)")
        open += 1
        return FakeEngine(self, model)
    }

    func fail(_ call: String) throws {
        if let failure = failures[call] {
            throw failure
        }
    }
}

private final class FakeEngine: Engine {
    private let runtime: FakeRuntime
    private let model: Model
    private var input: [Float] = []
    private var output: [Float] = []
    private var runs = 0

    init(_ runtime: FakeRuntime, _ model: Model) {
        self.runtime = runtime
        self.model = model
    }

    deinit {
        runtime.open -= 1
    }

    func write(_ values: [Float]) {
        input = values
    }

    func run() throws -> Int64 {
        runtime.device.log.append("run \(model.name) \(input[0])")
        runtime.device.now += FakeRuntime.inference
        let call = "run \(model.name) \(runs)"
        runs += 1
        runtime.hooks[call]?()
        try runtime.fail(call)
        output = input.map { 2 * $0 }
        if runtime.notFinite.contains(model.name) {
            output[1] = .nan
        }
        return FakeRuntime.inference + Int64(runs)
    }

    func read() -> [Float] {
        output
    }

    func plan() -> [PlannedOperation]? {
        runtime.device.log.append("plan \(model.name)")
        let all = [PlannedOperation](repeating: .init(name: "ios16.conv", device: model.requested), count: model.totalOps)
        return runtime.tellsPlan ? runtime.plans[model.name] ?? all : nil
    }
}
