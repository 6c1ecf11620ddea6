import XCTest

@testable import BenchCore

final class DigestTests: XCTestCase {
    /// Examples of NIST's document on SHA-256.
    func testTheStandardsExamples() {
        XCTAssertEqual(Digest.of(Data()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        XCTAssertEqual(Digest.of(Data("abc".utf8)), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        XCTAssertEqual(
            Digest.of(Data("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8)),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
        XCTAssertEqual(
            Digest.of(Data(repeating: UInt8(ascii: "a"), count: 100_000)),
            "6d1cf22d7cc09b085dfc25ee1a1f3ae0265804c607bc2074ad253bcc82fd81ee")
    }

    func testPiecesAreHashedAsTheWhole() {
        for length in [55, 56, 63, 64, 65, 119, 120, 128, 1000] {
            let content = Data((0..<length).map { UInt8($0 % 251) })
            var digest = Digest()
            for start in stride(from: 0, to: length, by: 7) {
                digest.add(content[start..<min(start + 7, length)])
            }
            XCTAssertEqual(digest.end(), Digest.of(content), "\(length) bytes")
        }
    }

    /// A folder's hash is the host's (`mobile_robust.files.sha256`): for each file its path, a zero, its length and content.
    func testAFolderIsHashedWithNamesAndLengthsInOrder() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        let files = [("B", "last of capitals"), ("Data/m.mlmodel", "model"), ("Data/w/weight.bin", ""), ("a", "small"), ("ä", "x")]
        for (name, content) in files {
            let path = folder.appendingPathComponent(name)
            try FileManager.default.createDirectory(
                at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(content.utf8).write(to: path)
        }
        var expected = Data()
        for (name, content) in files {
            expected.append(contentsOf: Array(name.utf8))
            expected.append(contentsOf: [0, UInt8(content.utf8.count), 0, 0, 0, 0, 0, 0, 0])
            expected.append(contentsOf: Array(content.utf8))
        }
        XCTAssertEqual(try Digest.of(fileOrFolder: folder), Digest.of(expected))
    }
}
