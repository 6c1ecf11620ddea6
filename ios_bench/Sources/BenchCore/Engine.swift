import Foundation

/// An artifact loaded by a runtime; the steps of an inference apart. Used by one thread only.
public protocol Engine: AnyObject {
    /// Puts an input into the runtime's buffers: the values of all tensors one after the other, in the job's order.
    func write(_ values: [Float]) throws

    /// One inference of what was written last.
    ///
    /// Returns the sample: nanoseconds from inputs lying in the runtime's buffers to outputs lying in memory that the CPU
    /// can read.
    func run() throws -> Int64

    /// The outputs of the last ``run()``, all tensors one after the other, in the job's order.
    func read() throws -> [Float]

    /// Where the runtime executes each operation; nil: this version of the system does not say.
    func plan() throws -> [PlannedOperation]?
}

/// The runtime of this device.
public protocol Runtime {
    /// Its version.
    var version: String { get }

    /// What ``open(_:as:)`` takes: a temporary folder with the package as the runtime wants it, which other apps have from
    /// their build.
    func compile(_ package: URL) throws -> URL

    /// Loads a compiled artifact: ready for inferences on the compute units that the model asks for.
    func open(_ compiled: URL, as model: Model) throws -> Engine
}

/// A compiled artifact, there for as long as somebody may need it.
final class CompiledModel {
    let folder: URL

    init(_ package: URL, _ runtime: Runtime) throws {
        folder = try runtime.compile(package)
    }

    deinit {
        try? FileManager.default.removeItem(at: folder)
    }
}

/// Whatever a runtime refuses.
public struct RuntimeError: LocalizedError {
    public let errorDescription: String?

    public init(_ message: String) {
        errorDescription = message
    }
}
