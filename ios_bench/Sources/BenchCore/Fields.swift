import Foundation

/// A job that cannot be carried out; the message names the field, what is wrong and what is allowed.
public struct JobError: LocalizedError {
    public let errorDescription: String?

    init(_ message: String) {
        errorDescription = message
    }
}

/// A JSON object of which every field is asked for by name; whatever does not fit is a ``JobError``.
final class Fields {
    private let path: String
    private let values: [String: JSON]
    private var asked: Set<String> = []

    /// `path` is the object's own name in messages, empty for the outermost.
    init(_ path: String, _ value: JSON) throws {
        guard case .object(let values) = value else {
            throw JobError("\(path.isEmpty ? "the job" : path): must be an object")
        }
        self.path = path
        self.values = values
    }

    func string(_ name: String) throws -> String {
        guard case .string(let found) = try value(name) else {
            throw wrong(name, "a string")
        }
        return found
    }

    func stringOrNil(_ name: String) throws -> String? {
        try value(name) == .null ? nil : string(name)
    }

    /// So many lower-case hexadecimal digits.
    func hexadecimal(_ name: String, digits: Int) throws -> String {
        let found = try string(name)
        guard found.utf8.count == digits, found.utf8.allSatisfy({ "0123456789abcdef".utf8.contains($0) }) else {
            throw wrong(name, "\(digits) hexadecimal digits")
        }
        return found
    }

    func oneOf(_ name: String, _ allowed: [String]) throws -> String {
        guard case .string(let found) = try value(name), allowed.contains(found) else {
            throw wrong(name, allowed.count == 1 ? allowed[0] : "one of \(allowed.joined(separator: ", "))")
        }
        return found
    }

    func integer(_ name: String, in range: ClosedRange<Int>) throws -> Int {
        try Self.integer("\(full(name))", try value(name), in: range)
    }

    func integerOrNil(_ name: String, in range: ClosedRange<Int>) throws -> Int? {
        try value(name) == .null ? nil : integer(name, in: range)
    }

    /// Seconds and the like: no fewer than none, and no more than a day has.
    func seconds(_ name: String) throws -> Double {
        switch try value(name) {
        case .integer(let found) where (0...86400).contains(found): return Double(found)
        case .number(let found) where (0...86400).contains(found): return found
        default: throw wrong(name, "a number from 0 to 86400")
        }
    }

    func isTrue(_ name: String) throws {
        if try value(name) != .bool(true) {
            throw wrong(name, "true")
        }
    }

    func isNull(_ name: String) throws {
        if try value(name) != .null {
            throw wrong(name, "null")
        }
    }

    func object(_ name: String) throws -> Fields {
        try Fields(full(name), value(name))
    }

    func objects(_ name: String) throws -> [Fields] {
        try nonEmpty(name).enumerated().map { index, item in try Fields("\(full(name))[\(index)]", item) }
    }

    func integers(_ name: String, in range: ClosedRange<Int>) throws -> [Int] {
        try nonEmpty(name).enumerated().map { index, item in
            try Self.integer("\(full(name))[\(index)]", item, in: range)
        }
    }

    /// To be called last: refuses fields that nobody asked for.
    func end() throws {
        if let unknown = values.keys.filter({ !asked.contains($0) }).min() {
            throw JobError("\(full(unknown)): no such field is known")
        }
    }

    func wrong(_ name: String, _ allowed: String) -> JobError {
        JobError("\(full(name)): must be \(allowed)" + (values[name].map { ", got \(Self.text($0))" } ?? ""))
    }

    private func nonEmpty(_ name: String) throws -> [JSON] {
        guard case .array(let found) = try value(name), !found.isEmpty else {
            throw wrong(name, "a list with something in it")
        }
        return found
    }

    private func value(_ name: String) throws -> JSON {
        asked.insert(name)
        guard let found = values[name] else {
            throw JobError("\(full(name)): is missing")
        }
        return found
    }

    private func full(_ name: String) -> String {
        path.isEmpty ? name : "\(path).\(name)"
    }

    private static func integer(_ path: String, _ value: JSON, in range: ClosedRange<Int>) throws -> Int {
        guard case .integer(let found) = value, let number = Int(exactly: found), range.contains(number) else {
            let most = range.upperBound == .max ? "of at least \(range.lowerBound)"
                : "from \(range.lowerBound) to \(range.upperBound)"
            throw JobError("\(path): must be a whole number \(most), got \(text(value))")
        }
        return number
    }

    private static func text(_ value: JSON) -> String {
        (try? JSON.write(value)).map { String(decoding: $0, as: UTF8.self) } ?? "what JSON cannot hold"
    }
}
