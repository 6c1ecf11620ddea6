/// An operation of a program, and the device that the runtime executes it on.
public struct PlannedOperation: Equatable {
    /// With its version, such as `ios16.conv`.
    public let name: String
    /// nil: the runtime does not say.
    public let device: Accelerator?

    public init(name: String, device: Accelerator?) {
        self.name = name
        self.device = device
    }

    /// Whether it is one at all: a constant is not, nor are weights that are decompressed when the model is loaded.
    var isExecuted: Bool {
        let kind = name.split(separator: ".").last ?? ""
        return kind != "const" && (device != nil || !kind.hasPrefix("constexpr_"))
    }
}

/// Where a runtime put the operations, as the result's schema has it.
struct Placement: Encodable, Equatable {
    let accelerator: String
    let totalOps: Int
    let placedOps: Int
    let leftOver: [String]

    /// `total` is what the host counts in the file.
    ///
    /// Of all compute units each is right; there `accelerator` says how many operations are on which.
    init(plan: [PlannedOperation], requested: Accelerator, total: Int) throws {
        let executed = plan.filter(\.isExecuted)
        if executed.isEmpty {
            throw RuntimeError("Core ML's plan has no operation, so nothing says where the model is executed")
        }
        let left = executed.filter { requested == .all ? $0.device == nil : $0.device != requested }
        let counts = [Accelerator.npu, .gpu, .cpu].compactMap { device -> String? in
            let count = executed.filter { $0.device == device }.count
            return count == 0 ? nil : "\(device.rawValue) \(count)"
        }
        accelerator = requested == .all ? counts.joined(separator: ", ") : requested.rawValue
        totalOps = total
        placedOps = total - min(left.count, total)
        leftOver = left.map { "\($0.name) on \($0.device?.title ?? "an unknown device")" }
    }

    /// Of a model that asked for the CPU and nothing else, where the system has no plan to read.
    init(onTheCPU total: Int) {
        accelerator = Accelerator.cpu.rawValue
        totalOps = total
        placedOps = total
        leftOver = []
    }
}
