import Foundation

/// `Run` of the result's schema: what is known of one model so far.
struct Run: Encodable {
    struct RuntimeVersion: Encodable {
        let name: String
        let version: String
    }

    struct Repetition: Encodable {
        let index: Int
        let start: String
        let samplesNs: [Int64]
        let stateBefore: State
        let stateAfter: State
    }

    struct ErrorRecord: Encodable {
        let when: String
        let `where`: String
        let message: String
    }

    struct Output: Encodable {
        let input: Int
        let name: String
        let shape: [Int]
        let values: String
    }

    let name: String
    let title: String
    let label: String?
    let artifact: String
    let sha256: String
    let precision: String
    let macs: Int?
    let parameters: Int?
    let runtime: RuntimeVersion
    let requested: Accelerator
    var actual: Placement?
    var loadNs: Int64?
    var firstInferenceNs: Int64?
    var baselineMemoryBytes: Int?
    var peakMemoryBytes: Int?
    var inputsSha256: String?
    var outputsSha256: [String] = []
    var outputs: [Output] = []
    var repetitions: [Repetition] = []
    var errors: [ErrorRecord] = []

    init(_ model: Model, runtimeVersion: String) {
        name = model.name
        title = model.title
        label = model.label
        artifact = model.artifact
        sha256 = model.sha256
        precision = model.precision
        macs = model.macs
        parameters = model.parameters
        runtime = RuntimeVersion(name: model.runtime, version: runtimeVersion)
        requested = model.requested
    }

    /// Takes in the outputs for an input, all tensors one after the other.
    mutating func output(_ input: Int, _ tensors: [Tensor], _ values: [Float]) {
        var start = 0
        for tensor in tensors {
            let base64 = littleEndian(values[start..<start + tensor.size]).base64EncodedString()
            outputs.append(Output(input: input, name: tensor.name, shape: tensor.shape, values: base64))
            start += tensor.size
        }
    }
}

/// The bytes of float32 values.
func littleEndian(_ values: some Sequence<Float>) -> Data {
    let words = values.map(\.bitPattern.littleEndian)
    return words.withUnsafeBytes { Data($0) }
}
