import XCTest

@testable import BenchCore

final class JobTests: BenchCase {
    func testEveryFieldIsRead() throws {
        let read = try Job(JSON.write(job))
        XCTAssertEqual(read.runId, Jobs.runId)
        XCTAssertEqual(read.measurement.warmUpSeconds, 0.5)
        XCTAssertEqual(read.measurement.warmUpRuns, 4)
        XCTAssertEqual(read.measurement.repetitions, 2)
        XCTAssertEqual(read.measurement.coolDownSeconds, 2)
        XCTAssertEqual(read.measurement.count, 3)
        XCTAssertEqual(read.maxThermalStatus, 1)
        XCTAssertEqual(read.thermalWaitSeconds, 300)
        XCTAssertEqual(read.keptOutputs, 2)
        XCTAssertEqual(read.inlineOutputs, 2)
        XCTAssertEqual(read.inlineValues, 4096)
        XCTAssertEqual(read.total, 4)
        let model = read.models[1]
        XCTAssertEqual(model.description, "B.mlpackage on the Neural Engine")
        XCTAssertEqual(model.file, "\(job["models", 1, "sha256"]!.text!).mlpackage")
        XCTAssertEqual(model.inputsFile, "\(job["models", 1, "inputs_sha256"]!.text!).f32")
        XCTAssertEqual(model.totalOps, 5)
        XCTAssertEqual(model.repetitions, [0, 1])
        XCTAssertEqual(model.runtime, "coreml_npu")
        XCTAssertEqual(model.macs, 4_000_000_000)
        XCTAssertNil(model.parameters)
        XCTAssertEqual(model.inputBytes, 12)
        XCTAssertEqual(model.outputs[0].shape, [1, 3])
    }

    func testAWholeNumberMayStandForSeconds() throws {
        job["thermal_wait_seconds"] = 3
        XCTAssertEqual(try Job(JSON.write(job)).thermalWaitSeconds, 3)
    }

    func testWhatDoesNotFitIsRefusedByName() {
        refuses("schema_version: must be a whole number from 1 to 1, got 2", 2, "schema_version")
        refuses("run_id: must be 16 hexadecimal digits, got \"../../etc\"", "../../etc", "run_id")
        refuses("protocol: must be an object", 1, "protocol")
        refuses("protocol.name: must be mean-of-means, got \"best\"", "best", "protocol", "name")
        refuses("protocol.warm_up_seconds: must be a number from 0 to 86400, got -1", -1, "protocol", "warm_up_seconds")
        refuses("protocol.repetitions: must be a whole number from 1", 1.5, "protocol", "repetitions")
        refuses("protocol.repetitions: must be a whole number from 1", true, "protocol", "repetitions")
        refuses("protocol.threads: must be a whole number from 1 to 64, got 0", 0, "protocol", "threads")
        refuses("protocol.pinned_cpus: must be null", [1], "protocol", "pinned_cpus")
        refuses("protocol.interleaved: must be true", false, "protocol", "interleaved")
        refuses("protocol.interleaved: must be true", 1, "protocol", "interleaved")
        refuses("protocol.inputs.count: must be", 0, "protocol", "inputs", "count")
        refuses("protocol.inputs.sha256: must be 64 hex", "abc", "protocol", "inputs", "sha256")
        refuses("max_thermal_status: must be a whole number from 0 to 3, got 4", 4, "max_thermal_status")
        refuses("kept_outputs: must be a whole number from 1 to 3, got 4", 4, "kept_outputs")
        refuses("models: must be a list with something in it", [], "models")
        refuses("models[0]: must be an object", 1, "models", 0)
        refuses("models[1].sha256: must be 64 hex", "/private", "models", 1, "sha256")
        refuses("models[0].file: must be ", "other.mlpackage", "models", 0, "file")
        refuses("models[0].inputs_file: must be ", "../a.f32", "models", 0, "inputs_file")
        refuses("models[0].requested: must be one of cpu, gpu, npu, all, got \"tpu\"", "tpu", "models", 0, "requested")
        refuses("models[0].arithmetic: must be null", "fp16", "models", 0, "arithmetic")
        refuses("models[0].total_ops: must be", 0, "models", 0, "total_ops")
        refuses("models[0].macs: must be a whole number of at least 0, got -5", -5, "models", 0, "macs")
        refuses("models[0].title: must be a string", nil, "models", 0, "title")
        refuses("models[0].repetitions[1]: must be a whole number from 0 to 1, got 2", [0, 2], "models", 0, "repetitions")
        refuses("models[0].repetitions: must be ascending", [1, 0], "models", 0, "repetitions")
        refuses("models[0].repetitions: must be ascending", [1, 1], "models", 0, "repetitions")
        refuses("models[0].repetitions: must be a list with", [], "models", 0, "repetitions")
        refuses("models[0].inputs[0].shape[1]: must be a whole number from 1", [1, -1], "models", 0, "inputs", 0, "shape")
        refuses(
            "models[0].outputs[0].shape: must be a shape of at most", [100_000, 100_000, 100_000], "models", 0, "outputs", 0,
            "shape")
        refuses(
            "kept_outputs: must be at most 0, of which the outputs of A.mlpackage fit", [1, 20_000_000], "models", 0,
            "outputs", 0, "shape")
        refuses("protocol.more: no such field is known", 1, "protocol", "more")
    }

    func testAnArtifactIsThereOncePerAccelerator() {
        refuses("models[1].sha256: must be another one: this artifact is there twice for npu", job["models", 1]!, "models", 0)
    }

    func testEveryFieldMustBeThere() {
        guard case .object(let fields) = job, case .object(let model) = job["models", 0]! else {
            return XCTFail("no objects")
        }
        for name in fields.keys {
            job = .object(fields)
            job[.name(name)] = nil as JSON?
            refuses("\(name): is missing")
        }
        for name in model.keys {
            job = .object(fields)
            job["models", 0, .name(name)] = nil as JSON?
            refuses("models[0].\(name): is missing")
        }
    }

    func testTheRunsIdIsReadOfAJobThatIsNone() throws {
        XCTAssertEqual(Job.runId(Data("{\"run_id\": \"\(Jobs.runId)\", \"more\": 1}".utf8)), Jobs.runId)
        for text in ["", "{", "[]", "{\"run_id\": \"../etc\"}"] {
            XCTAssertNil(Job.runId(Data(text.utf8)))
        }
        XCTAssertThrowsError(try Job(Data("{".utf8))) {
            XCTAssertEqual($0.localizedDescription, "the job: is no JSON")
        }
    }

    private func refuses(_ message: String, _ value: JSON, _ path: Key..., line: UInt = #line) {
        let before = job
        switch path.count { // a variadic list cannot be handed on
        case 1: job[path[0]] = .some(value)
        case 2: job[path[0], path[1]] = .some(value)
        case 3: job[path[0], path[1], path[2]] = .some(value)
        default: job[path[0], path[1], path[2], path[3], path[4]] = .some(value)
        }
        refuses(message, line: line)
        job = before
    }

    private func refuses(_ message: String, line: UInt = #line) {
        XCTAssertThrowsError(try Job(JSON.write(job)), line: line) {
            let found = $0.localizedDescription
            XCTAssert(found.hasPrefix(message), found, line: line)
        }
    }
}
