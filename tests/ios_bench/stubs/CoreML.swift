// A stub for type checks on Linux: the few names of Core ML that are used, with Apple's documented signatures.

@_exported import AppleFoundation
import CoreVideo
import Foundation

public enum MLComputeUnits: Int {
    case cpuOnly, cpuAndGPU, all, cpuAndNeuralEngine
}

open class MLModelConfiguration: NSObject {
    open var computeUnits: MLComputeUnits { get { fatalError() } set { fatalError() } }
}

open class MLPredictionOptions: NSObject {}

open class MLModel: NSObject {
    open var modelDescription: MLModelDescription { fatalError() }

    public init(contentsOf url: URL, configuration: MLModelConfiguration) throws { fatalError() }

    open class func compileModel(at modelURL: URL) async throws -> URL { fatalError() }

    open func prediction(from input: MLFeatureProvider) throws -> MLFeatureProvider { fatalError() }

    open func prediction(from input: MLFeatureProvider, options: MLPredictionOptions) throws -> MLFeatureProvider {
        fatalError()
    }
}

open class MLModelDescription: NSObject {
    open var inputDescriptionsByName: [String: MLFeatureDescription] { fatalError() }
}

open class MLFeatureDescription: NSObject {
    open var multiArrayConstraint: MLMultiArrayConstraint? { fatalError() }
    open var imageConstraint: MLImageConstraint? { fatalError() }
}

open class MLMultiArrayConstraint: NSObject {
    open var shape: [NSNumber] { fatalError() }
    open var dataType: MLMultiArrayDataType { fatalError() }
}

open class MLImageConstraint: NSObject {
    open var pixelsHigh: Int { fatalError() }
    open var pixelsWide: Int { fatalError() }
    open var pixelFormatType: OSType { fatalError() }
}

public enum MLMultiArrayDataType: Int {
    case double = 0x10040
    case float32 = 0x10020
    case float16 = 0x10010
    case int32 = 0x20020
}

open class MLMultiArray: NSObject {
    open var dataType: MLMultiArrayDataType { fatalError() }
    open var shape: [NSNumber] { fatalError() }
    open var strides: [NSNumber] { fatalError() }

    public init(shape: [NSNumber], dataType: MLMultiArrayDataType) throws { fatalError() }

    open var count: Int { fatalError() }

    open subscript(index: Int) -> NSNumber {
        get { fatalError() }
        set { fatalError() }
    }

    public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R { fatalError() }

    public func withUnsafeMutableBytes<R>(_ body: (UnsafeMutableRawBufferPointer, [Int]) throws -> R) rethrows -> R {
        fatalError()
    }
}

open class MLFeatureValue: NSObject {
    open var multiArrayValue: MLMultiArray? { fatalError() }

    public convenience init(pixelBuffer value: CVPixelBuffer) { fatalError() }
    public convenience init(multiArray value: MLMultiArray) { fatalError() }
}

public protocol MLFeatureProvider {
    var featureNames: Set<String> { get }

    func featureValue(for featureName: String) -> MLFeatureValue?
}

open class MLDictionaryFeatureProvider: NSObject, MLFeatureProvider {
    open var featureNames: Set<String> { fatalError() }

    public init(dictionary: [String: Any]) throws { fatalError() }

    open func featureValue(for featureName: String) -> MLFeatureValue? { fatalError() }
}

public final class MLCPUComputeDevice: NSObject {}
public final class MLGPUComputeDevice: NSObject {}
public final class MLNeuralEngineComputeDevice: NSObject {}

public enum MLComputeDevice {
    case cpu(MLCPUComputeDevice)
    case gpu(MLGPUComputeDevice)
    case neuralEngine(MLNeuralEngineComputeDevice)
}

public enum MLModelStructure {
    case neuralNetwork(NeuralNetwork)
    case program(Program)
    case pipeline(Pipeline)
    case unsupported

    public struct NeuralNetwork {}
    public struct Pipeline {}

    public struct Program {
        public let functions: [String: Function]

        public struct Function {
            public let block: Block
        }

        public struct Block {
            public let operations: [Operation]
        }

        public struct Operation {
            public let operatorName: String
            public let blocks: [Block]
        }
    }
}

public final class MLComputePlan {
    public let modelStructure: MLModelStructure

    private init(_ structure: MLModelStructure) {
        modelStructure = structure
    }

    public static func load(contentsOf url: URL, configuration: MLModelConfiguration) async throws -> MLComputePlan {
        fatalError()
    }

    public func deviceUsage(for operation: MLModelStructure.Program.Operation) -> DeviceUsage? { fatalError() }

    public struct DeviceUsage {
        public let supported: [MLComputeDevice]
        public let preferred: MLComputeDevice
    }
}
