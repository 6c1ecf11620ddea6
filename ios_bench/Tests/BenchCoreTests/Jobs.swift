import Foundation

@testable import BenchCore

/// Jobs for tests, with artifacts and test sets that are really there.
enum Jobs {
    static let runId = "0123456789abcdef"
    /// Inputs in the test set; input i holds the values i, i + 1, i + 2.
    static let count = 3

    /// A job of some models.
    static func of(_ models: JSON...) -> JSON {
        [
            "schema_version": 1,
            "run_id": .string(runId),
            "protocol": [
                "name": "mean-of-means",
                "version": 1,
                "sample": "inference",
                "warm_up_seconds": 0.5,
                "warm_up_runs": 4,
                "repetitions": 2,
                "threads": 4,
                "pinned_cpus": nil,
                "cool_down_seconds": 2.0,
                "interleaved": true,
                "inputs": [
                    "count": .integer(Int64(count)), "description": "three photos",
                    "sha256": .string(String(repeating: "a", count: 64)),
                ],
            ],
            "max_thermal_status": 1,
            "thermal_wait_seconds": 300.0,
            "kept_outputs": 2,
            "inline_outputs": 2,
            "inline_values": 4096,
            "models": .array(models),
        ]
    }

    /// A model of the job, whose files are written into a folder: its artifact is a package of two files.
    static func model(_ folder: URL, _ name: String, _ requested: Accelerator) throws -> JSON {
        let package = folder.appendingPathComponent("\(name).mlpackage")
        let data = package.appendingPathComponent("Data")
        try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
        try Data(name.utf8).write(to: data.appendingPathComponent("model.mlmodel"))
        try Data("{}".utf8).write(to: package.appendingPathComponent("Manifest.json"))
        let sha256 = try Digest.of(fileOrFolder: package)
        let stored = folder.appendingPathComponent("\(sha256).mlpackage")
        if FileManager.default.fileExists(atPath: stored.path) {
            try FileManager.default.removeItem(at: package)
        } else {
            try FileManager.default.moveItem(at: package, to: stored)
        }
        let values: [Float] = [0, 1, 2, 1, 2, 3, 2, 3, 4]
        let inputs = littleEndian(values)
        let inputsSha256 = Digest.of(inputs)
        try inputs.write(to: folder.appendingPathComponent("\(inputsSha256).f32"))
        return [
            "name": .string(name),
            "title": "Größe ×2 📷",
            "label": nil,
            "artifact": .string("\(name).mlpackage"),
            "sha256": .string(sha256),
            "precision": "fp16",
            "macs": 4_000_000_000,
            "parameters": nil,
            "file": .string("\(sha256).mlpackage"),
            "total_ops": 5,
            "requested": .string(requested.rawValue),
            "arithmetic": nil,
            "inputs": [["name": "image", "shape": [1, 3]]],
            "outputs": [["name": "twice", "shape": [1, 3]]],
            "inputs_file": .string("\(inputsSha256).f32"),
            "inputs_sha256": .string(inputsSha256),
            "repetitions": [0, 1],
        ]
    }
}

/// One step of a path into a JSON value.
enum Key: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
    case name(String)
    case index(Int)

    init(stringLiteral name: String) {
        self = .name(name)
    }

    init(integerLiteral index: Int) {
        self = .index(index)
    }
}

extension JSON {
    /// What is at a path; nil: nothing is. Setting nil removes it.
    subscript(_ path: Key...) -> JSON? {
        get { self[path[...]] }
        set { self[path[...]] = newValue }
    }

    private subscript(_ path: ArraySlice<Key>) -> JSON? {
        get {
            switch (path.first, self) {
            case (nil, _): return self
            case (.name(let name), .object(let values)): return values[name]?[path.dropFirst()]
            case (.index(let index), .array(let values)): return values[index][path.dropFirst()]
            default: return nil
            }
        }
        set {
            switch (path.first, self) {
            case (.name(let name), .object(var values)):
                if path.count == 1 {
                    values[name] = newValue
                } else {
                    values[name]![path.dropFirst()] = newValue
                }
                self = .object(values)
            case (.index(let index), .array(var values)):
                if path.count == 1 {
                    values[index] = newValue!
                } else {
                    values[index][path.dropFirst()] = newValue
                }
                self = .array(values)
            default: fatalError("no such path")
            }
        }
    }

    /// Items of an array.
    var items: [JSON] {
        if case .array(let found) = self { return found }
        return []
    }

    var text: String? {
        if case .string(let found) = self { return found }
        return nil
    }
}

extension BenchCore.JSON: Swift.ExpressibleByNilLiteral, Swift.ExpressibleByBooleanLiteral,
    Swift.ExpressibleByIntegerLiteral, Swift.ExpressibleByFloatLiteral, Swift.ExpressibleByStringLiteral,
    Swift.ExpressibleByArrayLiteral, Swift.ExpressibleByDictionaryLiteral
{
    public init(nilLiteral: ()) { self = .null }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(floatLiteral value: Double) { self = .number(value) }
    public init(stringLiteral value: String) { self = .string(value) }
    public init(arrayLiteral items: JSON...) { self = .array(items) }
    public init(dictionaryLiteral items: (String, JSON)...) {
        self = .object(Dictionary(uniqueKeysWithValues: items))
    }
}
