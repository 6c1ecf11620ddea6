import XCTest

@testable import BenchCore

/// A run in which everything goes well.
final class BenchTests: BenchCase {
    func testEverythingIsDoneInTheProtocolsOrder() throws {
        XCTAssertEqual(try measure(), "")
        var steps: [(String, Int)] = [] // equal steps that follow each other once, with their number
        for step in device.log {
            if steps.last?.0 == step {
                steps[steps.count - 1].1 += 1
            } else {
                steps.append((step, 1))
            }
        }
        var expected = ["write result.json x1"]
        for (index, name) in ["A", "B"].enumerated() {
            expected += [
                "compile \(name) x1", "open \(name) \(["cpu", "npu"][index]) x1",
                "run \(name) 0.0 x1", // the first inference
                "plan \(name) x1",
                "run \(name) 0.0 x1", "run \(name) 1.0 x1", "run \(name) 2.0 x1",
                "write outputs_\(index).f32 x1",
            ]
        }
        for _ in 0..<2 {
            for name in ["A", "B"] {
                expected += [
                    "sleep x2", // 2 s of cool-down
                    "state x1",
                    "run \(name) 0.0 x6", // 0.5 s of warm-up are 5 runs; the sixth is the first sample
                    "run \(name) 1.0 x1", "run \(name) 2.0 x1", "state x1", "write result.json x1",
                ]
            }
        }
        expected[expected.count - 1] = "write result.json x2" // the second one is complete
        expected.append("write done.json x1")
        XCTAssertEqual(steps.map { "\($0.0) x\($0.1)" }, expected)
        XCTAssertEqual(runtime.open, 0)
        for folder in runtime.compiled.values {
            XCTAssertFalse(FileManager.default.fileExists(atPath: folder.path))
        }
    }

    func testTheResultHoldsWhatWasMeasured() throws {
        try measure()
        let run = try measured(1)
        XCTAssertEqual(run["runtime"], ["name": "coreml_npu", "version": "system"])
        XCTAssertEqual(run["load_ns"], .integer(FakeRuntime.load)) // without the compilation
        XCTAssertEqual(run["first_inference_ns"], .integer(FakeRuntime.inference + 1))
        XCTAssertEqual(run["actual"], ["accelerator": "npu", "total_ops": 5, "placed_ops": 5, "left_over": []])
        XCTAssertEqual(run["title"], "Größe ×2 📷")
        // Runs of the engine before: first inference, test set of 3, 5 of warm-up, then in the second 3 more and 5.
        XCTAssertEqual(run["repetitions", 0, "samples_ns"], samples(10, 11, 12))
        XCTAssertEqual(run["repetitions", 1, "samples_ns"], samples(18, 19, 20))
        XCTAssertEqual(run["repetitions", 1, "index"], 1)
        XCTAssertEqual(run["repetitions", 1, "state_after", "battery_percent"], 80)
        XCTAssertEqual(run["repetitions", 1, "state_after", "low_power"], false)
        XCTAssertEqual(try result()["complete"], true)
        XCTAssertEqual(try result()["protocol"], try JSON.read(JSON.write(job["protocol"])))
        try keepForThePythonSide()
    }

    func testOutputsAreHashedAndTheFirstAreKept() throws {
        try measure()
        let values: [[Float]] = [[0, 2, 4], [2, 4, 6], [4, 6, 8]]
        let outputs: [Data] = values.map { littleEndian($0) }
        let run = try measured(0)
        XCTAssertEqual(run["outputs_sha256"], .array(outputs.map { .string(Digest.of($0)) }))
        XCTAssertEqual(run["outputs"]?.items.count, 2)
        for index in 0..<2 {
            XCTAssertEqual(run["outputs"]?.items[index]["values"], .string(outputs[index].base64EncodedString()))
            XCTAssertEqual(run["outputs"]?.items[index]["shape"], [1, 3])
        }
        XCTAssertEqual(run["inputs_sha256"], job["models", 0, "inputs_sha256"])
        XCTAssertEqual(try store.read("outputs_0.f32"), outputs[0] + outputs[1])
    }

    func testTheWarmUpHasItsRunsWhereTheyLastLonger() throws {
        job["protocol", "warm_up_runs"] = 9
        try measure()
        XCTAssertEqual(try measured(0)["repetitions", 0, "samples_ns"], samples(14, 15, 16))
    }

    func testOnlyMissingRepetitionsAreMeasured() throws {
        job["models", 0, "repetitions"] = [1]
        try measure()
        XCTAssertEqual(try repetitions(0), 1)
        XCTAssertEqual(try measured(0)["repetitions", 0, "index"], 1)
        XCTAssertEqual(try repetitions(1), 2)
        XCTAssertEqual(try read("progress.json")["done"], 3)
        XCTAssertEqual(try read("progress.json")["total"], 3)
    }

    func testTheDoneMarkerHasTheResultsHash() throws {
        try measure()
        try assertDone("complete", "")
        XCTAssertEqual(try read(Bench.doneName)["result_sha256"], .string(Digest.of(try store.read("result.json"))))
    }

    func testADeviceThatTellsNoHeatIsMeasured() throws {
        device.thermal = nil
        XCTAssertEqual(try measure(), "")
        XCTAssertNil(try measured(0)["repetitions", 0, "state_before", "thermal_status"])
    }

    func testAPeakThatTheLoadDidNotRaiseIsNotTheLoads() throws {
        device.peaks = [2000, 3000, 3000, 3000] // before and after A, before and after B
        try measure()
        XCTAssertEqual(try measured(0)["baseline_memory_bytes"], 1000)
        XCTAssertEqual(try measured(0)["peak_memory_bytes"], 3000)
        XCTAssertEqual(try measured(1)["baseline_memory_bytes"], 1000)
        XCTAssertNil(try measured(1)["peak_memory_bytes"])
    }

    func testMemoryThatIsNotToldIsLeftOut() throws {
        (device.residentBytes, device.peaks) = (nil, [nil])
        try measure()
        XCTAssertNil(try measured(0)["baseline_memory_bytes"])
        XCTAssertNil(try measured(0)["peak_memory_bytes"])
    }

    func testAsFewOutputsAreInTheResultAsTheJobAsksFor() throws {
        job["inline_outputs"] = 1
        try measure()
        XCTAssertEqual(try measured(0)["outputs"]?.items.count, 1)
        job["inline_values"] = 2
        store = try LoggingStore(files.appendingPathComponent("another"), device)
        try measure()
        XCTAssertEqual(try measured(0)["outputs"], [])
    }

    func testTheProgressHasTheIndexOfTheModelItIsAbout() throws {
        try measure()
        for progress in store.progress {
            XCTAssertEqual(progress["model"], progress["what"]!.text!.contains("B.mlpackage") ? 1 : 0)
        }
        let seen = Set(store.progress.map { $0["what"]!.text! })
        XCTAssert(seen.isSuperset(of: [
            "loading: A.mlpackage on the CPU", "loading: B.mlpackage on the Neural Engine",
            "cooling down: then B.mlpackage on the Neural Engine",
        ]), "\(seen)")
    }

    func testItSaysThatItLives() throws {
        job["protocol", "warm_up_seconds"] = 60.0
        try measure()
        for (before, after) in zip(store.alive, store.alive.dropFirst()) {
            XCTAssertLessThanOrEqual(after - before, 2000)
        }
        XCTAssertGreaterThan(store.alive.count, 4 * 30)
        XCTAssertEqual(try read("progress.json")["done"], 4)
        XCTAssertEqual(try read("progress.json")["what"], "repetition 2 of 2: B.mlpackage on the Neural Engine")
        XCTAssert(said.contains("0 of 4: loading: B.mlpackage on the Neural Engine"))
        XCTAssert(said.contains("2 of 4: repetition 2 of 2: A.mlpackage on the CPU"))
    }

    private func samples(_ runs: Int64...) -> JSON {
        .array(runs.map { .integer(FakeRuntime.inference + $0) })
    }

    /// Into the folder of MOBILE_ROBUST_OUT, where tests of the host read it.
    private func keepForThePythonSide() throws {
        guard let out = ProcessInfo.processInfo.environment["MOBILE_ROBUST_OUT"] else {
            return
        }
        let kept = try FileStore(URL(fileURLWithPath: out))
        for name in ["result.json", "progress.json", "done.json", "outputs_0.f32"] {
            try kept.write(name, store.read(name))
        }
        try kept.write("job.json", JSON.write(job))
    }
}
