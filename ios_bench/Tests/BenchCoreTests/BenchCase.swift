import XCTest

@testable import BenchCore

/// A job of two models, A on the CPU and B on the Neural Engine, to be carried out on a fake phone.
class BenchCase: XCTestCase {
    let device = FakeDevice()
    lazy var runtime = FakeRuntime(device)
    var files = FileManager.default.temporaryDirectory
    var store: LoggingStore!
    var job: JSON = nil
    /// What the screen was told.
    var said: [String] = []

    override func setUpWithError() throws {
        files = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        store = try LoggingStore(files.appendingPathComponent(Jobs.runId), device)
        job = Jobs.of(try Jobs.model(files, "A", .cpu), try Jobs.model(files, "B", .npu))
    }

    override func tearDownWithError() throws {
        try FileManager.default.removeItem(at: files)
    }

    @discardableResult
    func measure() throws -> String {
        try Bench.run(Job(JSON.write(job)), files: files, store: store, device: device, runtime: runtime) { step in
            self.said.append("\(step.done) of \(step.total): \(step.title): \(step.about)")
        }
    }

    func read(_ name: String) throws -> JSON {
        try JSON.read(store.read(name))
    }

    func result() throws -> JSON {
        try read("result.json")
    }

    /// A run of the result.
    func measured(_ run: Int) throws -> JSON {
        try XCTUnwrap(result()["runs"]?.items[run])
    }

    /// How many repetitions of a model the result has.
    func repetitions(_ run: Int) throws -> Int {
        try measured(run)["repetitions"]!.items.count
    }

    func assertDone(_ reason: String, _ message: String, line: UInt = #line) throws {
        let done = try read(Bench.doneName)
        XCTAssertEqual(done["reason"], .string(reason), line: line)
        let found = done["message"]!.text!
        XCTAssert(message.isEmpty ? found.isEmpty : found.contains(message), found, line: line)
    }

    func assertError(_ run: Int, _ step: String, _ message: String, line: UInt = #line) throws {
        let error = try XCTUnwrap(measured(run)["errors"]?.items.first, line: line)
        XCTAssertEqual(error["where"], .string(step), line: line)
        let found = error["message"]!.text!
        XCTAssert(found.contains(message), found, line: line)
    }
}
