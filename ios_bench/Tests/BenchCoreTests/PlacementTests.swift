import XCTest

@testable import BenchCore

final class PlacementTests: XCTestCase {
    func testConstantsAndWeightsThatAreDecompressedAtTheLoadAreNotExecuted() throws {
        let plan: [PlannedOperation] = [
            .init(name: "const", device: nil), .init(name: "ios16.constexpr_lut_to_dense", device: nil),
            .init(name: "ios16.conv", device: .gpu),
        ]
        let placement = try Placement(plan: plan, requested: .gpu, total: 2)
        XCTAssertEqual(placement.leftOver, [])
        XCTAssertEqual(placement.placedOps, 2)
    }

    func testWeightsThatAreDecompressedByADeviceAreExecutedThere() throws {
        let plan: [PlannedOperation] = [
            .init(name: "ios16.constexpr_lut_to_dense", device: .cpu), .init(name: "ios16.conv", device: .gpu),
        ]
        let placement = try Placement(plan: plan, requested: .gpu, total: 2)
        XCTAssertEqual(placement.leftOver, ["ios16.constexpr_lut_to_dense on the CPU"])
        XCTAssertEqual(placement.placedOps, 1)
    }

    func testAPlanWithMoreOperationsThanTheFileLeavesNoFewerThanNone() throws {
        let plan = [PlannedOperation](repeating: .init(name: "ios16.cast", device: .cpu), count: 9)
        XCTAssertEqual(try Placement(plan: plan, requested: .npu, total: 5).placedOps, 0)
    }
}
