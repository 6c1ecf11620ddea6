import XCTest

@testable import BenchCore

/// Between the test set's float32 and what Core ML reads and writes.
final class BuffersTests: XCTestCase {
    func testAnArrayWithGapsIsReadRowByRow() {
        let padded: [Float16] = [1, 2, -1, -1, 3, 4, -1, -1, 5, 6, -1, -1] // rows of 2 values, 4 apart
        let found = padded.withUnsafeBufferPointer { gather($0, [1, 3, 2], [12, 4, 1], Float.init) }
        XCTAssertEqual(found, [1, 2, 3, 4, 5, 6])
    }

    func testAnArrayWithGapsIsWrittenRowByRow() {
        var padded = [Float16](repeating: -1, count: 8)
        let values: [Float] = [9, 1, 2, 3, 65519.9] // the last is the largest that float16 rounds down
        padded.withUnsafeMutableBufferPointer { scatter(values[1...], $0, [2, 2], [4, 1], Float16.init) }
        XCTAssertEqual(padded, [1, 2, -1, -1, 3, 65504, -1, -1])
    }

    func testAnImageIsBlueGreenRedAndOpaque() {
        let values: [Float] = [-1, 0.5, 1.5, 2.5, 253.4, 254.5, 255.4, 300, 255.5, 7, 8, 9] // planes of 2 x 2
        var pixels = [UInt8](repeating: 77, count: 2 * 12) // rows are 4 bytes longer than 2 pixels
        pixels.withUnsafeMutableBufferPointer {
            fillPixels($0, values[...], channels: 3, height: 2, width: 2, rowBytes: 12)
        }
        XCTAssertEqual(pixels[0..<8], [255, 253, 0, 255, 7, 254, 0, 255])
        XCTAssertEqual(pixels[8..<12], [77, 77, 77, 77])
        XCTAssertEqual(pixels[12..<20], [8, 255, 2, 255, 9, 255, 2, 255])
    }

    func testAGrayImageHasOneByteAPixel() {
        var pixels = [UInt8](repeating: 77, count: 6)
        let values: [Float] = [0, 1, 2, 3, 4]
        pixels.withUnsafeMutableBufferPointer {
            fillPixels($0, values[1...], channels: 1, height: 2, width: 2, rowBytes: 3)
        }
        XCTAssertEqual(pixels, [1, 2, 77, 3, 4, 77])
    }
}
