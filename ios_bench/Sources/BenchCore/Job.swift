import Foundation

/// What the host asks this device to measure: `job.json`, every field of it checked.
public struct Job {
    /// Of the outputs that are kept of one model; the memory of an app is small.
    private static let mostKeptBytes = 64 << 20

    /// Also the name of the folder of what is measured.
    public let runId: String
    public let models: [Model]
    let measurement: MeasurementProtocol
    /// The protocol as it came, to be copied into the result.
    let protocolAsGiven: JSON
    /// Apple's thermal state above which no repetition is begun.
    let maxThermalStatus: Int
    let thermalWaitSeconds: Double
    /// For so many first inputs the outputs are kept.
    let keptOutputs: Int
    /// For so many first inputs they are part of the result as well,
    let inlineOutputs: Int
    /// where all outputs for one input have at most so many values.
    let inlineValues: Int

    /// The job that a text describes.
    public init(_ text: Data) throws {
        let document = try Self.document(text)
        let fields = try Fields("", document)
        _ = try fields.integer("schema_version", in: 1...1)
        runId = try fields.hexadecimal("run_id", digits: 16)
        measurement = try MeasurementProtocol(fields.object("protocol"))
        guard case .object(let values) = document, let given = values["protocol"] else {
            throw fields.wrong("protocol", "an object")
        }
        protocolAsGiven = given
        maxThermalStatus = try fields.integer("max_thermal_status", in: 0...3)
        thermalWaitSeconds = try fields.seconds("thermal_wait_seconds")
        keptOutputs = try fields.integer("kept_outputs", in: 1...measurement.count)
        inlineOutputs = try fields.integer("inline_outputs", in: 0...Int.max)
        inlineValues = try fields.integer("inline_values", in: 0...Int.max)
        var models: [Model] = []
        for described in try fields.objects("models") {
            let model = try Model(described, repetitions: measurement.repetitions)
            if models.contains(where: { ($0.sha256, $0.requested) == (model.sha256, model.requested) }) {
                let twice = "this artifact is there twice for \(model.requested.rawValue)"
                throw described.wrong("sha256", "another one: \(twice)")
            }
            let (kept, tooMany) = keptOutputs.multipliedReportingOverflow(by: model.outputBytes)
            if tooMany || kept > Self.mostKeptBytes {
                let fitting = Self.mostKeptBytes / model.outputBytes
                throw fields.wrong("kept_outputs", "at most \(fitting), of which the outputs of \(model.artifact) fit in memory")
            }
            models.append(model)
        }
        self.models = models
        try fields.end()
    }

    /// The run's id in a text that may be no job otherwise, so that the host can be told; nil: it has none.
    public static func runId(_ text: Data) -> String? {
        try? Fields("", document(text)).hexadecimal("run_id", digits: 16)
    }

    /// How many repetitions are to be measured, of all models.
    var total: Int {
        models.reduce(0) { $0 + $1.repetitions.count }
    }

    private static func document(_ text: Data) throws -> JSON {
        do {
            return try JSON.read(text)
        } catch {
            throw JobError("the job: is no JSON")
        }
    }
}
