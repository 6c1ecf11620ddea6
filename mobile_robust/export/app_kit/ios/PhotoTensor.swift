import Foundation

/// Photos as @NAME@ takes them: @HEIGHT@ x @WIDTH@ pixels, RGB.
public enum PhotoTensor {
    public static let height = @HEIGHT@
    public static let width = @WIDTH@
    /// The photo is scaled until it covers so many times the tensor's sides.
    private static let margin = @MARGIN@

    /// Scales a photo (bicubic, smoothed where it gets smaller), and cuts the middle out.
    ///
    /// - Parameters:
    ///   - pixels: blue, green, red and alpha of every pixel, as kCVPixelFormatType_32BGRA; the photo is upright
    ///   - rowBytes: from one row to the next
    /// - Returns: height x width x 4 bytes: blue, green, red, and 255
    public static func resized(_ pixels: UnsafePointer<UInt8>, width: Int, height: Int, rowBytes: Int) -> [UInt8] {
        let exact = width == Self.width && height == Self.height
        let tall = (Double(Self.height) * margin).rounded(.toNearestOrEven) / Double(height)
        let wide = (Double(Self.width) * margin).rounded(.toNearestOrEven) / Double(width)
        let scale = exact ? 1 : max(tall, wide)
        let across = taps(from: width, to: scaled(width, scale, Self.width), count: Self.width)
        let down = taps(from: height, to: scaled(height, scale, Self.height), count: Self.height)
        var narrow = [UInt8](repeating: 0, count: height * Self.width * 3)
        for y in down[0].start..<down[Self.height - 1].end {
            for x in 0..<Self.width {
                for channel in 0..<3 {
                    let sum = across[x].sum { Double(pixels[y * rowBytes + 4 * $0 + channel]) }
                    narrow[(y * Self.width + x) * 3 + channel] = level(sum)
                }
            }
        }
        var photo = [UInt8](repeating: 255, count: Self.height * Self.width * 4)
        for y in 0..<Self.height {
            for x in 0..<Self.width {
                for channel in 0..<3 {
                    let sum = down[y].sum { Double(narrow[($0 * Self.width + x) * 3 + channel]) }
                    photo[(y * Self.width + x) * 4 + channel] = level(sum)
                }
            }
        }
        return photo
    }

    private static func scaled(_ side: Int, _ scale: Double, _ least: Int) -> Int {
        max(least, Int((Double(side) * scale).rounded(.toNearestOrEven)))
    }

    private static func level(_ sum: Double) -> UInt8 {
        UInt8(min(255, max(0, (sum + 0.5).rounded(.down))))
    }

    /// The middle `count` pixels of `from` pixels that are scaled to `to`.
    private static func taps(from: Int, to: Int, count: Int) -> [Taps] {
        let step = Double(from) / Double(to)
        let reach = max(1, step)
        let skipped = (to - count) / 2
        return (0..<count).map { index in
            let centre = (Double(skipped + index) + 0.5) * step
            let start = max(0, Int(centre - 2 * reach + 0.5))
            let end = min(from, Int(centre + 2 * reach + 0.5))
            let weights = (start..<end).map { cubic((Double($0) - centre + 0.5) / reach) }
            let total = weights.reduce(0, +)
            return Taps(start: start, weights: weights.map { $0 / total })
        }
    }

    private static func cubic(_ offset: Double) -> Double {
        let x = abs(offset)
        if x < 1 { return (1.5 * x - 2.5) * x * x + 1 }
        if x < 2 { return -0.5 * (((x - 5) * x + 8) * x - 4) }
        return 0
    }
}

/// What one pixel of a scaled row or column is the weighted mean of.
private struct Taps {
    let start: Int
    let weights: [Double]

    var end: Int { start + weights.count }

    func sum(_ value: (Int) -> Double) -> Double {
        var sum = 0.0
        for tap in 0..<weights.count { sum += weights[tap] * value(start + tap) }
        return sum
    }
}
