/// What can be asked for, and of the first three, where an operation can be.
public enum Accelerator: String, Codable, CaseIterable {
    case cpu, gpu, npu, all

    /// For people.
    public var title: String {
        switch self {
        case .cpu: return "the CPU"
        case .gpu: return "the GPU"
        case .npu: return "the Neural Engine"
        case .all: return "all compute units"
        }
    }
}

/// One artifact on one accelerator, as the job describes it.
public struct Model {
    public let name: String
    public let title: String
    public let label: String?
    /// The file's name on the host.
    public let artifact: String
    public let sha256: String
    public let precision: String
    public let macs: Int?
    public let parameters: Int?
    /// The package's name here.
    public let file: String
    /// Operations in the file.
    public let totalOps: Int
    public let requested: Accelerator
    /// In the order of the test set's file.
    public let inputs: [Tensor]
    /// In the order in which they are hashed.
    public let outputs: [Tensor]
    /// The test set's file here.
    public let inputsFile: String
    public let inputsSha256: String
    /// Indices of the repetitions that are still to be measured, ascending.
    public let repetitions: [Int]

    init(_ fields: Fields, repetitions all: Int) throws {
        name = try fields.string("name")
        title = try fields.string("title")
        label = try fields.stringOrNil("label")
        artifact = try fields.string("artifact")
        sha256 = try fields.hexadecimal("sha256", digits: 64)
        precision = try fields.string("precision")
        macs = try fields.integerOrNil("macs", in: 0...Int.max)
        parameters = try fields.integerOrNil("parameters", in: 0...Int.max)
        file = try fields.oneOf("file", ["\(sha256).mlpackage"])
        totalOps = try fields.integer("total_ops", in: 1...Int(Int32.max))
        requested = Accelerator(rawValue: try fields.oneOf("requested", Accelerator.allCases.map(\.rawValue)))!
        try fields.isNull("arithmetic") // Core ML computes each operation in the type that the file gives it
        inputs = try fields.objects("inputs").map(Tensor.init)
        outputs = try fields.objects("outputs").map(Tensor.init)
        inputsSha256 = try fields.hexadecimal("inputs_sha256", digits: 64)
        inputsFile = try fields.oneOf("inputs_file", ["\(inputsSha256).f32"])
        repetitions = try fields.integers("repetitions", in: 0...all - 1)
        if zip(repetitions, repetitions.dropFirst()).contains(where: >=) {
            throw fields.wrong("repetitions", "ascending")
        }
        try fields.end()
    }

    /// For people.
    public var description: String {
        "\(artifact) on \(requested.title)"
    }

    /// As the result calls what executes it here.
    public var runtime: String {
        "coreml_\(requested.rawValue)"
    }

    /// Bytes of one input of the test set.
    var inputBytes: Int {
        4 * inputs.reduce(0) { $0 + $1.size }
    }

    /// Bytes of the outputs for one input, as float32.
    var outputBytes: Int {
        4 * outputs.reduce(0) { $0 + $1.size }
    }
}

/// An input or output of an artifact.
public struct Tensor {
    /// Values of one tensor: 2 GiB of float32.
    private static let most = Int(Int32.max) / 4

    public let name: String
    public let shape: [Int]
    /// How many values it has.
    public let size: Int

    init(_ fields: Fields) throws {
        name = try fields.string("name")
        shape = try fields.integers("shape", in: 1...Self.most)
        size = shape.reduce(1) { min($0 * $1, Self.most + 1) }
        if size > Self.most {
            throw fields.wrong("shape", "a shape of at most \(Self.most) values")
        }
        try fields.end()
    }
}
