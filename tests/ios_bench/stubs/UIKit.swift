// A stub for type checks on Linux: the few names of UIKit that are used, with Apple's documented signatures.

@_exported import Foundation

@MainActor
open class UIApplication: NSObject {
    public class var shared: UIApplication { fatalError() }

    open var isIdleTimerDisabled: Bool { get { fatalError() } set { fatalError() } }

    public nonisolated class var didBecomeActiveNotification: NSNotification.Name { fatalError() }
    public nonisolated class var willResignActiveNotification: NSNotification.Name { fatalError() }
}

@MainActor
open class UIDevice: NSObject {
    public enum BatteryState: Int, Sendable {
        case unknown, unplugged, charging, full
    }

    open class var current: UIDevice { fatalError() }

    open var systemName: String { fatalError() }
    open var isBatteryMonitoringEnabled: Bool { get { fatalError() } set { fatalError() } }
    open var batteryLevel: Float { fatalError() }
    open var batteryState: UIDevice.BatteryState { fatalError() }
}
