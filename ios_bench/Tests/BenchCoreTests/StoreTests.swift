import XCTest

@testable import BenchCore

final class StoreTests: XCTestCase {
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)

    override func tearDown() {
        try? FileManager.default.removeItem(at: folder)
    }

    func testAFileIsWrittenWholeAndReplaced() throws {
        let store = try FileStore(folder)
        XCTAssertFalse(store.has("a"))
        try store.write("a", Data("first".utf8))
        try store.write("a", Data("second".utf8))
        XCTAssertEqual(try store.read("a"), Data("second".utf8))
        XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted(), ["a", "reserve"])
    }

    func testTheReserveMakesRoomOnce() throws {
        let store = try FileStore(folder)
        XCTAssertEqual(try store.read("reserve").count, 65536)
        store.release()
        XCTAssertFalse(store.has("reserve"))
    }

    func testWhatCannotBeWrittenIsNamedAndLeavesTheOldFile() throws {
        let store = try FileStore(folder)
        try FileManager.default.createDirectory(
            at: folder.appendingPathComponent("a/b"), withIntermediateDirectories: true)
        XCTAssertThrowsError(try store.write("a", Data("new".utf8))) { // a folder that is not empty has its name
            XCTAssert($0 is StoreError)
            XCTAssert($0.localizedDescription.hasPrefix("a: cannot be written: "), $0.localizedDescription)
        }
        XCTAssertFalse(store.has("a.part"))
        XCTAssert(store.has("a"))
    }

    func testAFolderThatCannotBeMadeIsNamed() throws {
        try Data().write(to: folder)
        XCTAssertThrowsError(try FileStore(folder.appendingPathComponent("run"))) {
            XCTAssert($0.localizedDescription.hasPrefix("run: cannot be written: "), $0.localizedDescription)
        }
    }
}
