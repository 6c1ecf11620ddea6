import Foundation

/// A JSON value of which nothing is known yet.
public enum JSON: Codable, Equatable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    public init(from decoder: Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let found = try? value.decode(Bool.self) {
            self = .bool(found)
        } else if let found = try? value.decode(Int64.self) {
            self = .integer(found)
        } else if let found = try? value.decode(Double.self) {
            self = .number(found)
        } else if let found = try? value.decode(String.self) {
            self = .string(found)
        } else if let found = try? value.decode([JSON].self) {
            self = .array(found)
        } else {
            self = .object(try value.decode([String: JSON].self))
        }
    }

    public func encode(to encoder: Encoder) throws {
        var value = encoder.singleValueContainer()
        switch self {
        case .null: try value.encodeNil()
        case .bool(let content): try value.encode(content)
        case .integer(let content): try value.encode(content)
        case .number(let content): try value.encode(content)
        case .string(let content): try value.encode(content)
        case .array(let content): try value.encode(content)
        case .object(let content): try value.encode(content)
        }
    }

    /// The value that a text is.
    public static func read(_ text: Data) throws -> JSON {
        try JSONDecoder().decode(JSON.self, from: text)
    }

    /// The text of a value, its names in snake case and in order. Throws where a number is not finite.
    public static func write(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(value)
    }
}
