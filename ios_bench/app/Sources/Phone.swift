import BenchCore
import BenchCoreML
import UIKit

/// This phone.
final class Phone: AppleDevice {
    private let lock = NSLock()
    private var inFront = false

    @MainActor
    init() {
        let bundle = Bundle.main
        let version = bundle.object(forInfoDictionaryKey: "CFBundleShortVersionString") as? String
        let app = AppDescription(name: bundle.bundleIdentifier ?? "unknown", version: version ?? "unknown")
        UIDevice.current.isBatteryMonitoringEnabled = true
        super.init(app: app, name: "Apple", system: UIDevice.current.systemName)
    }

    /// Whether the app is what the phone shows, so that iOS schedules it as such.
    var isInFront: Bool {
        get { lock.withLock { inFront } }
        set { lock.withLock { inFront = newValue } }
    }

    override var obstacle: String? {
        isInFront ? super.obstacle
            : "the app left the front: the screen went off, or something else was opened; start again"
    }

    override var state: State {
        let (level, battery) = DispatchQueue.main.sync {
            MainActor.assumeIsolated { (UIDevice.current.batteryLevel, UIDevice.current.batteryState) }
        }
        return State(
            thermalStatus: thermalStatus, batteryPercent: level < 0 ? nil : Int((100 * level).rounded()),
            charging: battery == .unknown ? nil : battery != .unplugged,
            lowPower: ProcessInfo.processInfo.isLowPowerModeEnabled)
    }
}
