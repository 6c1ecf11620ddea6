import Foundation

/// The folder of a run.
public protocol Store {
    /// Whether a file is there.
    func has(_ name: String) -> Bool

    /// What a file holds.
    func read(_ name: String) throws -> Data

    /// Writes a file so that its name always stands for the whole of the old or the whole of the new content; throws
    /// ``StoreError``.
    func write(_ name: String, _ content: Data) throws

    /// Makes room that ``write(_:_:)`` was denied; so small that only a last word fits in.
    func release()
}

/// The storage does not take a file.
public struct StoreError: LocalizedError {
    public let errorDescription: String?

    init(_ name: String, _ reason: Error) {
        errorDescription = "\(name): cannot be written: \(reason.localizedDescription)"
    }
}

/// A ``Store`` that is a folder.
public final class FileStore: Store {
    /// Kept so that the done marker finds room where the storage is full.
    private static let reserve = "reserve"
    private static let reservedBytes = 65536

    private let folder: URL

    public init(_ folder: URL) throws {
        self.folder = folder
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            throw StoreError(folder.lastPathComponent, error)
        }
        if !has(Self.reserve) {
            try write(Self.reserve, Data(count: Self.reservedBytes))
        }
    }

    public func has(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: path(name))
    }

    public func read(_ name: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: path(name)))
    }

    public func write(_ name: String, _ content: Data) throws {
        let partial = path("\(name).part")
        do {
            guard FileManager.default.createFile(atPath: partial, contents: nil),
                let file = FileHandle(forWritingAtPath: partial)
            else {
                throw POSIXError(.init(rawValue: errno) ?? .EIO)
            }
            defer { try? file.close() }
            try file.write(contentsOf: content)
            try file.synchronize() // else the new name could be on the disk before the new content
            if rename(partial, path(name)) != 0 {
                throw POSIXError(.init(rawValue: errno) ?? .EIO)
            }
        } catch {
            try? FileManager.default.removeItem(atPath: partial)
            throw StoreError(name, error)
        }
    }

    public func release() {
        try? FileManager.default.removeItem(atPath: path(Self.reserve))
    }

    private func path(_ name: String) -> String {
        folder.appendingPathComponent(name).path
    }
}
