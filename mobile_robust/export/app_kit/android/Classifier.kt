package com.example.classifier

import android.content.Context
import android.graphics.Bitmap
import java.io.Closeable
import java.io.FileInputStream
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import org.tensorflow.lite.Interpreter

/**
 * @TITLE@: photo -> names of what is in it.
 *
 * Files: @FILES@. Input "@INPUT@": @INPUT_SHAPE@ (@INPUT_LAYOUT@), values from 0 to @RANGE@; output "@OUTPUT@":
 * @OUTPUT_SHAPE@. Both are float32, also of an int8 file, or uint8 where the file was made so.
 *
 * Not for several threads at once.
 */
class Classifier(model: ByteBuffer, private val labels: List<String>, threads: Int = 2) : Closeable {
    private val interpreter = Interpreter(model, Interpreter.Options().setNumThreads(threads))
    private val input = TensorValues(interpreter.getInputTensorFromSignature("@INPUT@", SIGNATURE))
    private val output = TensorValues(interpreter.getOutputTensorFromSignature("@OUTPUT@", SIGNATURE))

    /** The `count` likeliest classes of an upright photo of any size. */
    fun classify(photo: Bitmap, count: Int = 5): List<Prediction> {
        val pixels = IntArray(photo.width * photo.height)
        photo.getPixels(pixels, 0, photo.width, 0, 0, photo.width, photo.height)
        return classify(pixels, photo.width, photo.height, count)
    }

    /** The same of pixels 0xAARRGGBB, row by row. */
    fun classify(pixels: IntArray, width: Int, height: Int, count: Int = 5): List<Prediction> =
        Prediction.top(logits(PhotoTensor.of(pixels, width, height)), labels, count)

    private fun logits(photo: FloatArray): FloatArray {
        input.put(photo)
        output.bytes.rewind()
        interpreter.runSignature(
            mapOf<String, Any>("@INPUT@" to input.bytes), mapOf<String, Any>("@OUTPUT@" to output.bytes)
        )
        return output.get()
    }

    override fun close() = interpreter.close()

    companion object {
        private const val SIGNATURE = "serving_default"

        /** Of files in the app's assets; build.gradle must have: androidResources { noCompress += "tflite" } */
        fun open(context: Context, model: String = "@FILE@", labels: String = "labels.txt"): Classifier {
            val names = context.assets.open(labels).bufferedReader().use { it.readLines() }
            context.assets.openFd(model).use { file ->
                FileInputStream(file.fileDescriptor).channel.use { channel ->
                    val mapped = channel.map(FileChannel.MapMode.READ_ONLY, file.startOffset, file.declaredLength)
                    return Classifier(mapped, names)
                }
            }
        }
    }
}
