#if canImport(CoreML)
import BenchCore
import CoreML
import Foundation

/// An artifact in Core ML, on the compute units that a model asks for.
///
/// A sample is one call of `prediction(from:options:)`: its inputs lie in the buffers that Core ML reads from, its outputs
/// in arrays that the CPU can read. What turns the test set's float32 into these, and back, is outside of it.
final class CoreMLEngine: Engine {
    private let compiled: URL
    private let configuration: MLModelConfiguration
    private let model: MLModel
    private let inputs: [InputBuffer]
    private let outputs: [Tensor]
    private let features: MLDictionaryFeatureProvider
    private let options = MLPredictionOptions()
    private var results: MLFeatureProvider?

    init(_ compiled: URL, _ wanted: Model) throws {
        configuration = MLModelConfiguration()
        configuration.computeUnits = wanted.requested.computeUnits
        model = try MLModel(contentsOf: compiled, configuration: configuration)
        self.compiled = compiled
        let described = model.modelDescription.inputDescriptionsByName
        if Set(described.keys) != Set(wanted.inputs.map(\.name)) {
            throw RuntimeError("the file has the inputs \(described.keys.sorted().joined(separator: ", ")), "
                + "but the job \(wanted.inputs.map(\.name).joined(separator: ", "))")
        }
        inputs = try wanted.inputs.map { try inputBuffer($0, described[$0.name]!) }
        outputs = wanted.outputs
        features = try MLDictionaryFeatureProvider(
            dictionary: Dictionary(uniqueKeysWithValues: inputs.map { ($0.tensor.name, $0.value) }))
    }

    func write(_ values: [Float]) throws {
        var start = 0
        for input in inputs {
            let end = start + input.tensor.size
            try input.write(values[start..<end])
            start = end
        }
    }

    func run() throws -> Int64 {
        try autoreleasepool {
            let start = DispatchTime.now().uptimeNanoseconds
            let found = try model.prediction(from: features, options: options)
            let end = DispatchTime.now().uptimeNanoseconds
            results = found
            return Int64(end - start)
        }
    }

    func read() throws -> [Float] {
        try outputs.flatMap { tensor -> [Float] in
            guard let array = results?.featureValue(for: tensor.name)?.multiArrayValue else {
                throw RuntimeError("the file gives no array \(tensor.name)")
            }
            let shape = array.shape.map(\.intValue)
            guard shape == tensor.shape else {
                throw RuntimeError("output \(tensor.name) has the shape \(shape), but in the job \(tensor.shape)")
            }
            return try floats(array, shape, tensor.name)
        }
    }

    func plan() throws -> [PlannedOperation]? {
        if #available(iOS 17.4, macOS 14.4, *) {
            let (compiled, configuration) = (compiled, configuration)
            let plan = try waitFor { try await MLComputePlan.load(contentsOf: compiled, configuration: configuration) }
            return try plannedOperations(plan)
        }
        return nil
    }

    private func floats(_ array: MLMultiArray, _ shape: [Int], _ name: String) throws -> [Float] {
        let strides = array.strides.map(\.intValue)
        return try array.withUnsafeBytes { bytes in
            switch array.dataType {
            case .float32: return gather(bytes.bindMemory(to: Float.self), shape, strides) { $0 }
            case .float16: return gather(bytes.bindMemory(to: Float16.self), shape, strides, Float.init)
            default: throw RuntimeError("output \(name) is neither float32 nor float16")
            }
        }
    }
}
#endif
