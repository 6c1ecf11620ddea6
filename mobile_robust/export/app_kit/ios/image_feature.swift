    /// A photo of PhotoTensor's size as the model takes it: an image.
    private func feature(of photo: [UInt8]) throws -> MLFeatureValue {
        var buffer: CVPixelBuffer?
        CVPixelBufferCreate(
            nil, PhotoTensor.width, PhotoTensor.height, kCVPixelFormatType_32BGRA, nil, &buffer
        )
        guard let image = buffer else { throw Failure.memory }
        CVPixelBufferLockBaseAddress(image, [])
        defer { CVPixelBufferUnlockBaseAddress(image, []) }
        guard let base = CVPixelBufferGetBaseAddress(image) else { throw Failure.memory }
        let rowBytes = CVPixelBufferGetBytesPerRow(image)
        photo.withUnsafeBytes { bytes in
            for y in 0..<PhotoTensor.height {
                let row = UnsafeRawBufferPointer(rebasing: bytes[(y * PhotoTensor.width * 4)...])
                base.advanced(by: y * rowBytes).copyMemory(from: row.baseAddress!, byteCount: PhotoTensor.width * 4)
            }
        }
        return MLFeatureValue(pixelBuffer: image)
    }
