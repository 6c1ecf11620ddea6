import Foundation

@testable import BenchCore

/// A folder that logs what is written into it, and is full after some results.
final class LoggingStore: Store {
    /// When the app said that it lives.
    var alive: [Int64] = []
    /// Everything that progress.json ever held.
    var progress: [JSON] = []
    /// Results that there is room for.
    var fullAfter = Int.max

    private let files: FileStore
    private let device: FakeDevice
    private var full = false

    init(_ folder: URL, _ device: FakeDevice) throws {
        files = try FileStore(folder)
        self.device = device
    }

    func has(_ name: String) -> Bool {
        files.has(name)
    }

    func read(_ name: String) throws -> Data {
        try files.read(name)
    }

    func write(_ name: String, _ content: Data) throws {
        if name == Report.name {
            full = full || fullAfter == 0
            fullAfter -= 1
        }
        if full {
            throw StoreError(name, RuntimeError("No space left on device"))
        }
        try files.write(name, content)
        if name == BenchCore.Progress.name {
            alive.append(device.wallMillis)
            progress.append(try JSON.read(content))
        } else {
            device.log.append("write \(name)")
        }
    }

    func release() {
        full = false
        files.release()
    }
}
