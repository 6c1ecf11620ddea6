import XCTest

@testable import BenchCore

/// Errors of one model, which get a record in the place of its numbers; the others go on.
final class BenchErrorsTests: BenchCase {
    private func operations(_ devices: Accelerator?...) -> [PlannedOperation] {
        devices.map { PlannedOperation(name: "ios16.conv", device: $0) }
    }

    func testOperationsElsewhereThanAskedForAreAnErrorAndNoNumbers() throws {
        runtime.plans["B"] = operations(.npu, .cpu, .npu, .gpu, .npu)
        XCTAssertEqual(try measure(), "")
        let run = try measured(1)
        XCTAssertEqual(run["actual", "placed_ops"], 3)
        XCTAssertEqual(run["actual", "left_over"], ["ios16.conv on the CPU", "ios16.conv on the GPU"])
        try assertError(1, "load", "2 of 5 operations are not on the Neural Engine")
        XCTAssertEqual(run["repetitions"], [])
        XCTAssertEqual(run["outputs_sha256"], [])
        XCTAssertNil(run["load_ns"])
        XCTAssertEqual(try repetitions(0), 2)
        XCTAssertFalse(store.has("outputs_1.f32"))
    }

    func testAModelForTheCPUThatIsElsewhereIsAnErrorToo() throws {
        runtime.plans["A"] = operations(.cpu, .gpu)
        try measure()
        try assertError(0, "load", "1 of 2 operations are not on the CPU")
    }

    func testOnAllComputeUnitsTheResultSaysHowManyAreWhere() throws {
        job["models", 1, "requested"] = "all"
        runtime.plans["B"] = operations(.npu, .npu, .cpu, .npu, .npu)
        try measure()
        XCTAssertEqual(try measured(1)["actual", "accelerator"], "npu 4, cpu 1")
        XCTAssertEqual(try measured(1)["actual", "placed_ops"], 5)
        XCTAssertEqual(try repetitions(1), 2)
    }

    func testAnOperationOfWhichNothingIsSaidIsAnError() throws {
        runtime.plans["B"] = operations(.npu, nil)
        try measure()
        try assertError(1, "load", "(ios16.conv on an unknown device)")
        XCTAssertEqual(try repetitions(1), 0)
    }

    func testAPlanWithoutOperationsProvesNothing() throws {
        runtime.plans["B"] = [PlannedOperation(name: "const", device: nil)]
        try measure()
        try assertError(1, "load", "plan has no operation")
    }

    func testASystemThatDoesNotTellWhereOperationsAreMeasuresTheCPUOnly() throws {
        runtime.tellsPlan = false
        try measure()
        XCTAssertEqual(try measured(0)["actual"], ["accelerator": "cpu", "total_ops": 5, "placed_ops": 5, "left_over": []])
        XCTAssertEqual(try repetitions(0), 2)
        try assertError(1, "load", "told by iOS 17.4")
        XCTAssertEqual(try repetitions(1), 0)
    }

    func testAfterAnErrorTheOthersGoOn() throws {
        runtime.failures["open A"] = RuntimeError("the model cannot be loaded")
        runtime.failures["run B 12"] = RuntimeError("the Neural Engine was lost")
        XCTAssertEqual(try measure(), "")
        try assertError(0, "load", "the model cannot be loaded")
        try assertError(1, "repetition 1", "the Neural Engine was lost")
        XCTAssertEqual(try repetitions(1), 1)
        XCTAssertEqual(try result()["complete"], true)
        XCTAssertEqual(runtime.open, 0)
    }

    func testAPackageThatCannotBeCompiledIsAnErrorOfTheModel() throws {
        runtime.failures["compile A"] = RuntimeError("unknown operation")
        runtime.failures["run B 2"] = RuntimeError("out of memory")
        try measure()
        try assertError(0, "load", "unknown operation")
        try assertError(1, "test set", "out of memory")
    }

    func testOutputsThatAreNotFiniteAreAnError() throws {
        runtime.notFinite = ["A"]
        try measure()
        try assertError(0, "test set", "output twice for input 0 has values that are not finite")
        XCTAssertEqual(try repetitions(0), 0)
        XCTAssertEqual(try measured(0)["outputs"], [])
    }

    func testFilesThatAreNotTheHostsAreAnError() throws {
        let package = files.appendingPathComponent(job["models", 0, "file"]!.text!)
        try Data([1]).write(to: package.appendingPathComponent("more"))
        try FileManager.default.removeItem(at: files.appendingPathComponent(job["models", 1, "inputs_file"]!.text!))
        try measure()
        try assertError(0, "load", ".mlpackage: is not what the host sent: its SHA-256 is ")
        try assertError(1, "load", ".f32: is missing")
    }

    func testATestSetOfAnotherSizeIsAnError() throws {
        job["protocol", "inputs", "count"] = 4
        try measure()
        try assertError(0, "load", "has 36 bytes, but 4 inputs of A.mlpackage have 48")
    }
}
