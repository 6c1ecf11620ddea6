#if canImport(Darwin)
import BenchCore
import Darwin
import Foundation

/// What iPhones and Macs have in common. A subclass says what only one of them has.
open class AppleDevice: Device {
    public let app: AppDescription
    public let description: DeviceDescription

    /// `system` is the operating system's name and `name` what the device is called before its model number.
    public init(app: AppDescription, name: String, system: String) {
        self.app = app
        let process = ProcessInfo.processInfo
        let version = process.operatingSystemVersion
        let numbers = "\(version.majorVersion).\(version.minorVersion).\(version.patchVersion)"
        #if os(macOS)
        let model = kernelText("hw.model")
        #else
        let model = kernelText("hw.machine")
        #endif
        description = DeviceDescription(
            name: "\(name) \(model)", model: model, os: "\(system) \(numbers) (\(kernelText("kern.osversion")))", abi: "arm64",
            cores: process.processorCount, memoryBytes: Int(process.physicalMemory))
    }

    open var state: State {
        State(
            thermalStatus: thermalStatus, batteryPercent: nil, charging: nil,
            lowPower: ProcessInfo.processInfo.isLowPowerModeEnabled)
    }

    public var thermalStatus: Int? {
        switch ProcessInfo.processInfo.thermalState {
        case .nominal: return 0
        case .fair: return 1
        case .serious: return 2
        case .critical: return 3
        @unknown default: return 3
        }
    }

    open var obstacle: String? {
        ProcessInfo.processInfo.isLowPowerModeEnabled
            ? "low-power mode is on, in which all is slower: turn it off in Settings, Battery, and start again" : nil
    }

    public var residentBytes: Int? {
        basicInfo.map { Int($0.resident_size) }
    }

    public var peakResidentBytes: Int? {
        basicInfo.map { Int($0.resident_size_max) }
    }

    public var nanoTime: Int64 {
        Int64(DispatchTime.now().uptimeNanoseconds)
    }

    public var wallMillis: Int64 {
        Int64(Date().timeIntervalSince1970 * 1000)
    }

    public func sleep(milliseconds: Int64) {
        Thread.sleep(forTimeInterval: Double(milliseconds) / 1000)
    }

    private var basicInfo: mach_task_basic_info? {
        var info = mach_task_basic_info()
        let words = MemoryLayout<mach_task_basic_info>.size / MemoryLayout<integer_t>.size
        var count = mach_msg_type_number_t(words)
        let result = withUnsafeMutablePointer(to: &info) { pointer in
            pointer.withMemoryRebound(to: integer_t.self, capacity: words) {
                task_info(mach_task_self_, task_flavor_t(MACH_TASK_BASIC_INFO), $0, &count)
            }
        }
        return result == KERN_SUCCESS ? info : nil
    }
}

/// A text that the kernel tells by a name.
private func kernelText(_ name: String) -> String {
    var size = 0
    guard sysctlbyname(name, nil, &size, nil, 0) == 0, size > 0 else {
        return "unknown"
    }
    var text = [CChar](repeating: 0, count: size)
    return sysctlbyname(name, &text, &size, nil, 0) == 0 ? String(cString: text) : "unknown"
}
#endif
