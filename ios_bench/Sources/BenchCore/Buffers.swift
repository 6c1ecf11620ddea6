/// The values of an array with gaps, row by row without them. `strides` are in values, as Core ML gives them.
public func gather<Value>(
    _ array: UnsafeBufferPointer<Value>, _ shape: [Int], _ strides: [Int], _ convert: (Value) -> Float
) -> [Float] {
    var found: [Float] = []
    found.reserveCapacity(shape.reduce(1, *))
    visit(shape, strides) { found.append(convert(array[$0])) }
    return found
}

/// The opposite of ``gather(_:_:_:_:)``.
public func scatter<Value>(
    _ values: ArraySlice<Float>, _ array: UnsafeMutableBufferPointer<Value>, _ shape: [Int], _ strides: [Int],
    _ convert: (Float) -> Value
) {
    var next = values.startIndex
    visit(shape, strides) { offset in
        array[offset] = convert(values[next])
        next += 1
    }
}

/// Offsets of all values of an array, the last dimension first.
private func visit(_ shape: [Int], _ strides: [Int], _ body: (Int) -> Void) {
    func visit(_ dimension: Int, _ offset: Int) {
        if dimension == shape.count {
            return body(offset)
        }
        for index in 0..<shape[dimension] {
            visit(dimension + 1, offset + index * strides[dimension])
        }
    }
    visit(0, 0)
}

/// Writes an image, (channels, height, width) in [0, 255] and RGB where there are three, into rows of 8-bit pixels: gray, or
/// blue, green, red and an opaque alpha. Rounds half to even, as the reference on the host does.
public func fillPixels(
    _ pixels: UnsafeMutableBufferPointer<UInt8>, _ values: ArraySlice<Float>, channels: Int, height: Int, width: Int,
    rowBytes: Int
) {
    let plane = height * width
    let start = values.startIndex
    func pixel(_ index: Int) -> UInt8 {
        UInt8(min(max(values[start + index].rounded(.toNearestOrEven), 0), 255))
    }
    for y in 0..<height {
        for x in 0..<width {
            let source = y * width + x
            if channels == 1 {
                pixels[y * rowBytes + x] = pixel(source)
                continue
            }
            let target = y * rowBytes + 4 * x
            pixels[target] = pixel(source + 2 * plane)
            pixels[target + 1] = pixel(source + plane)
            pixels[target + 2] = pixel(source)
            pixels[target + 3] = 255
        }
    }
}
