import Foundation

/// SHA-256 (FIPS 180-4), in lower-case hexadecimal digits. Written out, so that what is tested anywhere is what a phone
/// runs; Foundation has none.
struct Digest {
    private static let constants: [UInt32] = primes(64).map { fraction(cbrt(Double($0))) }

    private var state: [UInt32] = primes(8).map { fraction(Double($0).squareRoot()) }
    private var pending: [UInt8] = []
    private var length: UInt64 = 0

    /// Of all of `content`.
    static func of(_ content: Data) -> String {
        var digest = Digest()
        digest.add(content)
        return digest.end()
    }

    /// Of a file, or of a folder as the host hashes it: names and contents in sorted order.
    static func of(fileOrFolder path: URL) throws -> String {
        var digest = Digest()
        let isFolder = try path.resourceValues(forKeys: [.isDirectoryKey]).isDirectory == true
        for member in isFolder ? try members(path) : [[]] {
            let file = member.reduce(path) { $0.appendingPathComponent($1) }
            if isFolder {
                let size = try FileManager.default.attributesOfItem(atPath: file.path)[.size] as? UInt64 ?? 0
                digest.add(Data(member.joined(separator: "/").utf8) + [0])
                digest.add(withUnsafeBytes(of: size.littleEndian) { Data($0) })
            }
            let handle = try FileHandle(forReadingFrom: file)
            defer { try? handle.close() }
            while let block = try handle.read(upToCount: 1 << 20), !block.isEmpty {
                digest.add(block)
            }
        }
        return digest.end()
    }

    mutating func add(_ content: Data) {
        length += UInt64(content.count)
        pending += content
        let whole = pending.count / 64 * 64
        pending.withUnsafeBufferPointer { bytes in
            for start in stride(from: 0, to: whole, by: 64) {
                Self.compress(&state, UnsafeBufferPointer(rebasing: bytes[start..<start + 64]))
            }
        }
        pending.removeFirst(whole)
    }

    mutating func end() -> String {
        let bits = length * 8
        add(Data([0x80] + [UInt8](repeating: 0, count: (119 - pending.count) % 64)))
        add(withUnsafeBytes(of: bits.bigEndian) { Data($0) })
        return state.map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 8 - digits.count) + digits
        }.joined()
    }

    private static func compress(_ state: inout [UInt32], _ block: UnsafeBufferPointer<UInt8>) {
        var w = [UInt32](repeating: 0, count: 64)
        w.withUnsafeMutableBufferPointer { w in
            for t in 0..<16 {
                w[t] = block[4 * t..<4 * t + 4].reduce(0) { $0 << 8 | UInt32($1) }
            }
            for t in 16..<64 {
                let s0 = rotate(w[t - 15], 7) ^ rotate(w[t - 15], 18) ^ w[t - 15] >> 3
                let s1 = rotate(w[t - 2], 17) ^ rotate(w[t - 2], 19) ^ w[t - 2] >> 10
                w[t] = w[t - 16] &+ s0 &+ w[t - 7] &+ s1
            }
        }
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        var (e, f, g, h) = (state[4], state[5], state[6], state[7])
        for t in 0..<64 {
            let s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
            let first = h &+ s1 &+ (e & f ^ ~e & g) &+ constants[t] &+ w[t]
            let s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
            let second = s0 &+ (a & b ^ a & c ^ b & c)
            (h, g, f, e, d, c, b, a) = (g, f, e, d &+ first, c, b, a, first &+ second)
        }
        for (index, word) in [a, b, c, d, e, f, g, h].enumerated() {
            state[index] &+= word
        }
    }

    private static func rotate(_ word: UInt32, _ bits: UInt32) -> UInt32 {
        word >> bits | word << (32 - bits)
    }

    /// The first 32 bits of the fractional part.
    private static func fraction(_ number: Double) -> UInt32 {
        UInt32((number - number.rounded(.down)) * 4_294_967_296)
    }

    private static func primes(_ count: Int) -> [Int] {
        var found: [Int] = []
        for number in 2... where found.count < count && found.allSatisfy({ number % $0 != 0 }) {
            found.append(number)
            if found.count == count { break }
        }
        return found
    }

    /// Paths of the files in a folder, as components, in order of their code points.
    private static func members(_ folder: URL) throws -> [[String]] {
        var found: [[String]] = []
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
            let path = folder.appendingPathComponent(name)
            let isFolder = try path.resourceValues(forKeys: [.isDirectoryKey]).isDirectory == true
            found += isFolder ? try members(path).map { [name] + $0 } : [[name]]
        }
        return found.sorted { first, second in
            first.lexicographicallyPrecedes(second) { $0.unicodeScalars.lexicographicallyPrecedes($1.unicodeScalars) }
        }
    }
}
