#if canImport(CoreML)
import BenchCore
import CoreML
import Foundation

/// The system's Core ML.
public struct CoreMLRuntime: Runtime {
    /// That of the system, which the result has beside it.
    public let version = "system"

    public init() {}

    public func compile(_ package: URL) throws -> URL {
        try waitFor { try await MLModel.compileModel(at: package) }
    }

    public func open(_ compiled: URL, as model: Model) throws -> Engine {
        try CoreMLEngine(compiled, model)
    }
}

extension Accelerator {
    var computeUnits: MLComputeUnits {
        switch self {
        case .cpu: return .cpuOnly
        case .gpu: return .cpuAndGPU
        case .npu: return .cpuAndNeuralEngine
        case .all: return .all
        }
    }
}

/// The result of an asynchronous call, in a thread that may wait, such as that which measures.
func waitFor<Value>(_ body: @escaping () async throws -> Value) throws -> Value {
    let box = Box<Value>()
    let ended = DispatchSemaphore(value: 0)
    Task.detached {
        do {
            box.result = .success(try await body())
        } catch {
            box.result = .failure(error)
        }
        ended.signal()
    }
    ended.wait()
    return try box.result!.get()
}

/// Written by one thread, then read by the one that waited for it.
private final class Box<Value>: @unchecked Sendable {
    var result: Result<Value, Error>?
}
#endif
