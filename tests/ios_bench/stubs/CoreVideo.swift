// A stub for type checks on Linux: the few names of Core Video that are used, with Apple's documented signatures.

import Foundation

public typealias CFAllocator = NSObject
public typealias CFDictionary = NSDictionary
public typealias CFString = String
public typealias CVReturn = Int32
public typealias OSType = UInt32

public final class CVPixelBuffer {}

public struct CVPixelBufferLockFlags: OptionSet {
    public static let readOnly = CVPixelBufferLockFlags(rawValue: 1)

    public let rawValue: UInt64

    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

public let kCVReturnSuccess: CVReturn = 0
public let kCVPixelBufferIOSurfacePropertiesKey: CFString = "IOSurfaceProperties"
public var kCVPixelFormatType_32BGRA: OSType { fatalError() }
public var kCVPixelFormatType_OneComponent8: OSType { fatalError() }

@discardableResult // as Swift imports every function of C
public func CVPixelBufferCreate(
    _ allocator: CFAllocator?, _ width: Int, _ height: Int, _ pixelFormatType: OSType,
    _ pixelBufferAttributes: CFDictionary?, _ pixelBufferOut: UnsafeMutablePointer<CVPixelBuffer?>
) -> CVReturn { fatalError() }

@discardableResult
public func CVPixelBufferLockBaseAddress(_ pixelBuffer: CVPixelBuffer, _ lockFlags: CVPixelBufferLockFlags) -> CVReturn {
    fatalError()
}

@discardableResult
public func CVPixelBufferUnlockBaseAddress(
    _ pixelBuffer: CVPixelBuffer, _ unlockFlags: CVPixelBufferLockFlags
) -> CVReturn { fatalError() }

public func CVPixelBufferGetBaseAddress(_ pixelBuffer: CVPixelBuffer) -> UnsafeMutableRawPointer? { fatalError() }
public func CVPixelBufferGetBytesPerRow(_ pixelBuffer: CVPixelBuffer) -> Int { fatalError() }
public func CVPixelBufferGetWidth(_ pixelBuffer: CVPixelBuffer) -> Int { fatalError() }
public func CVPixelBufferGetHeight(_ pixelBuffer: CVPixelBuffer) -> Int { fatalError() }
public func CVPixelBufferGetPixelFormatType(_ pixelBuffer: CVPixelBuffer) -> OSType { fatalError() }
