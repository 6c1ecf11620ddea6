import XCTest

@testable import BenchCore

/// What ends a run early or holds it up, and what is left then.
final class BenchStopTests: BenchCase {
    func testTheResultIsWrittenAfterEveryRepetition() throws {
        var seen: [Int] = []
        for number in [9, 17] { // B's first samples of both repetitions
            runtime.hooks["run B \(number)"] = { seen.append((try? self.repetitions(0)) ?? -1) }
        }
        try measure()
        XCTAssertEqual(seen, [1, 2])
    }

    func testARunThatWasBegunBeforeIsNotOverwritten() throws {
        try measure()
        let before = try store.read("result.json")
        XCTAssert(try measure().contains("was begun before"))
        XCTAssertEqual(try store.read("result.json"), before)
        try assertDone("error", "begun before")
    }

    func testAHotPhoneIsWaitedFor() throws {
        (device.thermal, device.coolAt) = (2, 100_000_000_000)
        XCTAssertEqual(try measure(), "")
        XCTAssertEqual(try repetitions(0), 2)
        XCTAssertEqual(try measured(0)["repetitions", 0, "state_before", "thermal_status"], 0)
        XCTAssert(said.contains("0 of 4: waiting for the phone to cool down: thermal state 2, at most 1"))
        let start = try measured(0)["repetitions", 0, "start"]!.text!
        XCTAssertGreaterThan(start, Report.utc(1_700_000_000_000 + device.coolAt / 1_000_000))
    }

    func testAPhoneThatStaysHotIsAnErrorOfAllThatIsLeft() throws {
        runtime.hooks["run A 11"] = { self.device.thermal = 3 } // during A's first repetition
        let wrong = "phone too hot: thermal state 3 after 300.0 s of waiting, at most 1 is allowed"
        XCTAssertEqual(try measure(), wrong)
        try assertDone("error", "phone too hot")
        XCTAssertEqual(try repetitions(0), 1)
        XCTAssertEqual(try measured(0)["errors"]?.items.count, 1)
        try assertError(0, "repetition 1", "phone too hot")
        XCTAssertEqual(try repetitions(1), 0)
        XCTAssertEqual(try measured(1)["errors"]?.items.count, 2)
        try assertError(1, "repetition 0", "phone too hot")
    }

    func testAnAppThatNobodySeesStops() throws {
        runtime.hooks["run B 9"] = { self.device.obstacle = "the app left the front" } // during B's first repetition
        XCTAssertEqual(try measure(), "the app left the front")
        try assertDone("error", "left the front")
        XCTAssertEqual(try repetitions(0), 1)
        XCTAssertEqual(try repetitions(1), 0)
        XCTAssertEqual(try result()["complete"], false)
    }

    func testADeviceWithAnObstacleBeginsNoRepetition() throws {
        device.obstacle = "low-power mode is on"
        XCTAssertEqual(try measure(), "low-power mode is on")
        XCTAssertFalse(device.log.contains("state"))
    }

    func testFullStorageEndsWithTheDoneMarkerAndKeepsWhatIsThere() throws {
        store.fullAfter = 4 // results: the first, and those of three repetitions
        try measure()
        try assertDone("error", "result.json: cannot be written: No space left on device")
        XCTAssertEqual(try read(Bench.doneName)["result_sha256"], .string(Digest.of(try store.read("result.json"))))
        XCTAssertEqual(try repetitions(1), 1)
        XCTAssertEqual(runtime.open, 0)
    }

    func testStorageThatIsFullFromTheBeginningIsSaidToo() throws {
        store.fullAfter = 0
        try measure()
        try assertDone("error", "No space left on device")
        XCTAssertEqual(try read(Bench.doneName)["result_sha256"], .string(Digest.of(Data())))
    }
}
