#if canImport(CoreML)
import BenchCore
import CoreML
import CoreVideo
import Foundation

/// The buffer that Core ML reads one input from; made once, filled before every inference.
protocol InputBuffer {
    var tensor: Tensor { get }
    var value: MLFeatureValue { get }

    func write(_ values: ArraySlice<Float>) throws
}

/// The buffer of an input; throws where the file's input is not what the job says.
func inputBuffer(_ tensor: Tensor, _ described: MLFeatureDescription) throws -> InputBuffer {
    if let image = described.imageConstraint {
        return try ImageBuffer(tensor, image)
    }
    guard let array = described.multiArrayConstraint else {
        throw RuntimeError("input \(tensor.name) is neither an image nor an array")
    }
    return try ArrayBuffer(tensor, array)
}

/// Values as they are, or rounded to float16 where the file takes that.
private struct ArrayBuffer: InputBuffer {
    let tensor: Tensor
    let value: MLFeatureValue
    private let array: MLMultiArray

    init(_ tensor: Tensor, _ constraint: MLMultiArrayConstraint) throws {
        let shape = constraint.shape.map(\.intValue)
        guard shape == tensor.shape, [.float32, .float16].contains(constraint.dataType) else {
            throw RuntimeError("input \(tensor.name) has the shape \(shape) and the type \(constraint.dataType.rawValue), "
                + "but in the job \(tensor.shape) and float32 or float16")
        }
        array = try MLMultiArray(shape: constraint.shape, dataType: constraint.dataType)
        self.tensor = tensor
        value = MLFeatureValue(multiArray: array)
    }

    func write(_ values: ArraySlice<Float>) {
        array.withUnsafeMutableBytes { bytes, strides in
            let shape = array.shape.map(\.intValue)
            if array.dataType == .float16 {
                scatter(values, bytes.bindMemory(to: Float16.self), shape, strides, Float16.init)
            } else {
                scatter(values, bytes.bindMemory(to: Float.self), shape, strides) { $0 }
            }
        }
    }
}

/// An image, grayscale or RGB: values rounded to 8 bits, as Core ML takes no others.
private struct ImageBuffer: InputBuffer {
    let tensor: Tensor
    let value: MLFeatureValue
    private let pixels: CVPixelBuffer
    private let channels: Int
    private let height: Int
    private let width: Int

    init(_ tensor: Tensor, _ constraint: MLImageConstraint) throws {
        (height, width) = (constraint.pixelsHigh, constraint.pixelsWide)
        let format = constraint.pixelFormatType
        channels = format == kCVPixelFormatType_OneComponent8 ? 1 : 3
        guard tensor.shape == [1, channels, height, width] else {
            throw RuntimeError("input \(tensor.name) is an image of the shape \([1, channels, height, width]), "
                + "but in the job \(tensor.shape)")
        }
        var made: CVPixelBuffer?
        // An IOSurface lies in memory that the GPU and the Neural Engine read as well: no copy is made for them.
        let attributes = NSDictionary(dictionary: [kCVPixelBufferIOSurfacePropertiesKey as String: NSDictionary()])
        let stored = channels == 1 ? kCVPixelFormatType_OneComponent8 : kCVPixelFormatType_32BGRA
        guard CVPixelBufferCreate(nil, width, height, stored, attributes as CFDictionary, &made) == kCVReturnSuccess,
            let made
        else {
            throw RuntimeError("no pixel buffer of \(width) x \(height) for input \(tensor.name)")
        }
        pixels = made
        self.tensor = tensor
        value = MLFeatureValue(pixelBuffer: made)
    }

    func write(_ values: ArraySlice<Float>) throws {
        guard CVPixelBufferLockBaseAddress(pixels, []) == kCVReturnSuccess else {
            throw RuntimeError("the pixel buffer of input \(tensor.name) cannot be written")
        }
        defer { CVPixelBufferUnlockBaseAddress(pixels, []) }
        let rowBytes = CVPixelBufferGetBytesPerRow(pixels)
        let bytes = UnsafeMutableRawBufferPointer(
            start: CVPixelBufferGetBaseAddress(pixels), count: rowBytes * height)
        fillPixels(
            bytes.bindMemory(to: UInt8.self), values, channels: channels, height: height, width: width,
            rowBytes: rowBytes)
    }
}
#endif
