// A stub for type checks on Linux: what Foundation has on Apple's systems only, with Apple's documented signatures.

import Foundation

public func autoreleasepool<Result>(invoking body: () throws -> Result) rethrows -> Result {
    try body()
}

extension ProcessInfo {
    public enum ThermalState: Int {
        case nominal, fair, serious, critical
    }

    public struct ActivityOptions: OptionSet {
        public let rawValue: UInt64

        public init(rawValue: UInt64) {
            self.rawValue = rawValue
        }

        public static let userInitiated = ActivityOptions(rawValue: 0xFF_FFFF)
        public static let latencyCritical = ActivityOptions(rawValue: 0xFF_0000_0000)
    }

    public var thermalState: ThermalState { fatalError() }
    public var isLowPowerModeEnabled: Bool { fatalError() }

    public func beginActivity(options: ActivityOptions = [], reason: String) -> NSObjectProtocol { fatalError() }
    public func endActivity(_ activity: NSObjectProtocol) { fatalError() }
}
