import XCTest

@testable import BenchCore

/// A job that the host's own code has written, with its hashes, in the folder of MOBILE_ROBUST_FILES.
final class HostJobTests: XCTestCase {
    func testTheHostsJobIsCarriedOut() throws {
        guard let folder = ProcessInfo.processInfo.environment["MOBILE_ROBUST_FILES"] else {
            throw XCTSkip("only the tests of the host, in Python, write one")
        }
        let device = FakeDevice()
        let session = Session(files: URL(fileURLWithPath: folder), device: device, runtime: FakeRuntime(device)) { _ in }
        session.start()
        XCTAssert(session.join())
    }
}
