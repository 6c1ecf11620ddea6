    /// A photo of PhotoTensor's size as the model takes it: an array of channels, rows and columns.
    private func feature(of photo: [UInt8]) throws -> MLFeatureValue {
        let pixels = PhotoTensor.height * PhotoTensor.width
        let array = try MLMultiArray(
            shape: [1, 3, NSNumber(value: PhotoTensor.height), NSNumber(value: PhotoTensor.width)], dataType: .float32
        )
        for pixel in 0..<pixels {
            for channel in 0..<3 {
                let value = Float(photo[4 * pixel + 2 - channel]) * @SCALE@
                array[channel * pixels + pixel] = NSNumber(value: value)
            }
        }
        return MLFeatureValue(multiArray: array)
    }
