/// How it is measured; see the result's schema.
struct MeasurementProtocol {
    /// More are no test set that a phone measures in a day.
    private static let mostRepetitions = 100_000

    let warmUpSeconds: Double
    let warmUpRuns: Int
    let repetitions: Int
    let coolDownSeconds: Double
    /// Inputs in the test set.
    let count: Int

    init(_ fields: Fields) throws {
        _ = try fields.oneOf("name", ["mean-of-means"])
        _ = try fields.integer("version", in: 1...1)
        _ = try fields.oneOf("sample", ["inference"])
        warmUpSeconds = try fields.seconds("warm_up_seconds")
        warmUpRuns = try fields.integer("warm_up_runs", in: 0...Int.max)
        repetitions = try fields.integer("repetitions", in: 1...Self.mostRepetitions)
        _ = try fields.integer("threads", in: 1...64) // Core ML takes no number of them
        try fields.isNull("pinned_cpus") // an app is moved between cores by its phone
        coolDownSeconds = try fields.seconds("cool_down_seconds")
        try fields.isTrue("interleaved")
        let inputs = try fields.object("inputs")
        count = try inputs.integer("count", in: 1...1_000_000)
        _ = try inputs.string("description")
        _ = try inputs.hexadecimal("sha256", digits: 64)
        try inputs.end()
        try fields.end()
    }
}
