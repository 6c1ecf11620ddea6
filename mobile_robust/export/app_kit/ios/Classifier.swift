import CoreML
import CoreVideo
import Foundation

/// @TITLE@: photo -> names of what is in it.
///
/// Files: @FILES@. Input "@INPUT@": @INPUT_TYPE@ @INPUT_SHAPE@, values from 0 to @RANGE@; output "@OUTPUT@":
/// @OUTPUT_SHAPE@.
public final class Classifier {
    public enum Failure: Error {
        /// A file that is not in the app.
        case missing(String)
        /// A frame of another format than kCVPixelFormatType_32BGRA.
        case format(OSType)
        /// The system has no memory for a photo.
        case memory
        /// The model lacks an output.
        case output(String)
    }

    private let model: MLModel
    private let labels: [String]

    /// Of a compiled model (.mlmodelc), which Xcode makes of the .mlpackage.
    public init(model url: URL, labels: [String]) throws {
        model = try MLModel(contentsOf: url, configuration: MLModelConfiguration())
        self.labels = labels
    }

    /// Of files in the app.
    public convenience init(bundle: Bundle = .main, name: String = "@STEM@") throws {
        guard let url = bundle.url(forResource: name, withExtension: "mlmodelc") else {
            throw Failure.missing("\(name).mlmodelc")
        }
        guard let names = bundle.url(forResource: "labels", withExtension: "txt") else {
            throw Failure.missing("labels.txt")
        }
        let text = try String(contentsOf: names, encoding: .utf8)
        try self.init(model: url, labels: text.split(separator: "\n").map(String.init))
    }

    /// The `count` likeliest classes of an upright frame of the camera, of any size.
    public func classify(_ frame: CVPixelBuffer, count: Int = 5) throws -> [Prediction] {
        let format = CVPixelBufferGetPixelFormatType(frame)
        guard format == kCVPixelFormatType_32BGRA else { throw Failure.format(format) }
        CVPixelBufferLockBaseAddress(frame, .readOnly)
        defer { CVPixelBufferUnlockBaseAddress(frame, .readOnly) }
        guard let base = CVPixelBufferGetBaseAddress(frame) else { throw Failure.memory }
        let photo = PhotoTensor.resized(
            UnsafePointer(base.assumingMemoryBound(to: UInt8.self)),
            width: CVPixelBufferGetWidth(frame),
            height: CVPixelBufferGetHeight(frame),
            rowBytes: CVPixelBufferGetBytesPerRow(frame)
        )
        let input = try MLDictionaryFeatureProvider(dictionary: ["@INPUT@": feature(of: photo)])
        guard let output = try model.prediction(from: input).featureValue(for: "@OUTPUT@")?.multiArrayValue else {
            throw Failure.output("@OUTPUT@")
        }
        let logits = (0..<output.count).map { output[$0].floatValue }
        return Prediction.top(logits, labels: labels, count: count)
    }

@FEATURE@
}
