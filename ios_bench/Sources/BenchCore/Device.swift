/// The device: what it is, how warm it is now, its clocks. What it does not tell is nil.
public protocol Device: AnyObject {
    /// Name and version of this app.
    var app: AppDescription { get }

    var description: DeviceDescription { get }

    var state: State { get }

    /// Apple's thermal state: 0 nominal, 1 fair, 2 serious, 3 critical.
    var thermalStatus: Int? { get }

    /// Why nothing can be measured now, such as an app that nobody sees; nil: it can. A person must act on it.
    var obstacle: String? { get }

    var residentBytes: Int? { get }

    /// The highest since the process began.
    var peakResidentBytes: Int? { get }

    /// Goes on evenly, from any beginning.
    var nanoTime: Int64 { get }

    /// Milliseconds since 1970, UTC.
    var wallMillis: Int64 { get }

    func sleep(milliseconds: Int64)
}

/// `App` of the result's schema.
public struct AppDescription: Encodable {
    let platform = "ios"
    let name: String
    let version: String

    public init(name: String, version: String) {
        self.name = name
        self.version = version
    }
}

/// `Device` of the result's schema.
public struct DeviceDescription: Encodable {
    struct Cpu: Encodable {
        let index: Int
    }

    let name: String
    let model: String
    let os: String
    let abi: String
    let cpus: [Cpu]
    let memoryBytes: Int

    /// Apple's devices do not say how fast their `cores` are.
    public init(name: String, model: String, os: String, abi: String, cores: Int, memoryBytes: Int) {
        self.name = name
        self.model = model
        self.os = os
        self.abi = abi
        self.cpus = (0..<cores).map(Cpu.init)
        self.memoryBytes = memoryBytes
    }
}

/// `State` of the result's schema.
public struct State: Encodable {
    let thermalStatus: Int?
    let batteryPercent: Int?
    let charging: Bool?
    let lowPower: Bool?

    public init(thermalStatus: Int?, batteryPercent: Int?, charging: Bool?, lowPower: Bool?) {
        self.thermalStatus = thermalStatus
        self.batteryPercent = batteryPercent
        self.charging = charging
        self.lowPower = lowPower
    }
}

/// Thrown where a device has an ``Device/obstacle``: what would be measured now is not what the device can do.
struct Interruption: Error {
    let reason: String

    static func check(_ device: Device) throws {
        if let reason = device.obstacle {
            throw Interruption(reason: reason)
        }
    }
}
