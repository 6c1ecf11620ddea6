@testable import BenchCore

/// A phone whose clock goes on only where something is done, and is told to the nanosecond.
final class FakeDevice: Device {
    /// What was done, in order.
    var log: [String] = []
    var thermal: Int? = 0
    /// Nanoseconds after which the phone is no longer hot.
    var coolAt = Int64.max
    var obstacle: String?
    var residentBytes: Int? = 1000
    var peakResidentBytes: Int? { peaks.count > 1 ? peaks.removeFirst() : peaks[0] }
    /// What the system says one time after the other, the last again and again.
    var peaks: [Int?] = [2000, 3000]
    var now: Int64 = 5_000_000_000

    let app = AppDescription(name: "org.mobilerobust.bench", version: "1.0")
    let description = DeviceDescription(
        name: "Apple iPhone0,0", model: "iPhone0,0", os: "iOS 17.5.1 (21F90)", abi: "arm64", cores: 6,
        memoryBytes: 6_000_000_000)

    var state: State {
        log.append("state")
        return State(thermalStatus: thermalStatus, batteryPercent: 80, charging: true, lowPower: false)
    }

    var thermalStatus: Int? {
        now >= coolAt ? 0 : thermal
    }

    var nanoTime: Int64 { now }

    var wallMillis: Int64 {
        1_700_000_000_000 + now / 1_000_000
    }

    func sleep(milliseconds: Int64) {
        precondition((1...1000).contains(milliseconds), "slept \(milliseconds) ms in one piece")
        log.append("sleep")
        now += milliseconds * 1_000_000
    }
}
