import XCTest

@testable import BenchCore

/// Jobs that lie in the app's folder.
final class SessionTests: BenchCase {
    private let screen = Screen()
    private lazy var session = Session(files: files, device: device, runtime: runtime) { [screen] in screen.show($0) }

    override func setUpWithError() throws {
        try super.setUpWithError()
        try FileManager.default.removeItem(at: files.appendingPathComponent(Jobs.runId))
    }

    private func put(_ text: Data) throws {
        try text.write(to: files.appendingPathComponent(Session.jobName))
    }

    private func done(_ run: String = Jobs.runId) throws -> JSON {
        try JSON.read(Data(contentsOf: files.appendingPathComponent(run).appendingPathComponent("done.json")))
    }

    func testTheJobInTheFolderIsCarriedOut() throws {
        try put(JSON.write(job))
        session.start()
        XCTAssert(session.join())
        XCTAssertEqual(try done()["reason"], "complete")
        XCTAssertEqual(screen.last?.title, "Done")
        XCTAssertEqual(screen.last?.total, 0)
    }

    func testWithoutAJobItWaits() {
        session.start()
        XCTAssert(session.join())
        XCTAssertEqual(screen.last?.title, "Waiting for a job")
    }

    func testARunThatHasEndedIsNotMeasuredAgain() throws {
        try put(JSON.write(job))
        session.start()
        _ = session.join()
        let before = device.log.count
        session.start()
        XCTAssert(session.join())
        XCTAssertEqual(device.log.count, before)
        XCTAssertEqual(screen.last?.title, "This run has ended")
    }

    func testAJobThatIsRefusedIsAnsweredInItsRun() throws {
        job["models", 0, "requested"] = "tpu"
        try put(JSON.write(job))
        session.start()
        XCTAssertFalse(session.join())
        XCTAssertEqual(try done()["reason"], "error")
        XCTAssert(try done()["message"]!.text!.hasPrefix("models[0].requested: must be one of"))
        XCTAssertEqual(screen.last?.title, "Bad job")
    }

    func testAnotherJobIsRefusedWhileOneIsMeasured() throws {
        try put(JSON.write(job))
        runtime.hooks["run A 0"] = {
            self.session.start() // the same job: it is being measured
            self.job["run_id"] = "ffffffffffffffff"
            try? self.put(JSON.write(self.job))
            self.session.start()
        }
        session.start()
        XCTAssert(session.join())
        XCTAssertEqual(try done()["reason"], "complete")
        XCTAssertEqual(try done("ffffffffffffffff")["reason"], "error")
        XCTAssertEqual(
            try done("ffffffffffffffff")["message"], .string("run \(Jobs.runId) is being measured; stop it first"))
    }

    func testWhatWentWrongIsSaidOnTheScreen() throws {
        try put(JSON.write(job))
        device.obstacle = "low-power mode is on"
        session.start()
        XCTAssertFalse(session.join())
        XCTAssertEqual(screen.last, Step(title: "Stopped", about: "low-power mode is on", done: 0, total: 0))
    }
}

/// Remembers what it was last told, in any thread.
private final class Screen: @unchecked Sendable {
    private let lock = NSLock()
    private var step: Step?

    var last: Step? {
        lock.lock()
        defer { lock.unlock() }
        return step
    }

    func show(_ step: Step) {
        lock.lock()
        defer { lock.unlock() }
        self.step = step
    }
}
