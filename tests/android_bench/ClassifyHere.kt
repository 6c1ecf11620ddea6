package com.example.classifier

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** Model, labels, pixels (width, height, then 0xAARRGGBB), and a folder: writes the tensor, and prints the classes. */
fun main(arguments: Array<String>) {
    val (model, labels, photo, out) = arguments.map(::File)
    val words = ByteBuffer.wrap(photo.readBytes()).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer()
    val (width, height) = List(2) { words.get() }
    val pixels = IntArray(width * height).also { words.get(it) }
    val tensor = PhotoTensor.of(pixels, width, height)
    val bytes = ByteBuffer.allocate(4 * tensor.size).order(ByteOrder.LITTLE_ENDIAN)
    bytes.asFloatBuffer().put(tensor)
    File(out, "tensor.bin").writeBytes(bytes.array())
    val content = model.readBytes()
    val mapped = ByteBuffer.allocateDirect(content.size).order(ByteOrder.nativeOrder()).put(content)
    mapped.rewind()
    Classifier(mapped, labels.readLines()).use { classifier ->
        repeat(2) {
            for (found in classifier.classify(pixels, width, height, 3)) {
                println("" + found.index + "\t" + found.label + "\t" + found.probability)
            }
        }
    }
}
