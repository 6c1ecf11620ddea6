#if canImport(CoreML)
import BenchCore
import CoreML

/// All operations of a program, also those inside of others, and the device that Core ML prefers for each.
@available(iOS 17.4, macOS 14.4, *)
func plannedOperations(_ plan: MLComputePlan) throws -> [PlannedOperation] {
    guard case .program(let program) = plan.modelStructure, let main = program.functions["main"] else {
        throw RuntimeError("the file is no ML program with a function main")
    }
    return plannedOperations(plan, main.block)
}

@available(iOS 17.4, macOS 14.4, *)
private func plannedOperations(_ plan: MLComputePlan, _ block: MLModelStructure.Program.Block) -> [PlannedOperation] {
    block.operations.flatMap { operation -> [PlannedOperation] in
        let planned = PlannedOperation(
            name: operation.operatorName, device: plan.deviceUsage(for: operation).flatMap { accelerator($0.preferred) })
        return [planned] + operation.blocks.flatMap { plannedOperations(plan, $0) }
    }
}

@available(iOS 17.4, macOS 14.4, *)
private func accelerator(_ device: MLComputeDevice) -> Accelerator? {
    switch device {
    case .cpu: return .cpu
    case .gpu: return .gpu
    case .neuralEngine: return .npu
    @unknown default: return nil
    }
}
#endif
