import Foundation

/// The inputs of a model in a file: float32, little-endian, for every input of the test set all tensors.
final class TestSet {
    private let file: FileHandle
    private let inputBytes: Int

    /// Refuses a file of another size than `count` inputs of the model have.
    init(_ path: URL, _ model: Model, count: Int) throws {
        inputBytes = model.inputBytes
        file = try FileHandle(forReadingFrom: path)
        let found = try file.seekToEnd()
        if found != UInt64(inputBytes) * UInt64(count) {
            let wanted = "\(count) inputs of \(model.artifact) have \(inputBytes * count)"
            throw RuntimeError("\(path.lastPathComponent): has \(found) bytes, but \(wanted)")
        }
    }

    deinit {
        try? file.close()
    }

    /// Reads an input from the disk.
    func read(_ index: Int) throws -> [Float] {
        try file.seek(toOffset: UInt64(index) * UInt64(inputBytes))
        guard let bytes = try file.read(upToCount: inputBytes), bytes.count == inputBytes else {
            throw RuntimeError("the test set's file ends within input \(index)")
        }
        return [Float](unsafeUninitializedCapacity: inputBytes / 4) { values, count in
            bytes.copyBytes(to: UnsafeMutableRawBufferPointer(values)) // Apple's devices are little-endian, as the file is
            count = inputBytes / 4
        }
    }
}
