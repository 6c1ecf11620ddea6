package com.example.classifier

import android.content.Context
import android.graphics.Bitmap
import java.io.Closeable
import java.io.FileInputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.channels.FileChannel
import org.tensorflow.lite.Interpreter

/**
 * @TITLE@: photo -> names of what is in it.
 *
 * Files: @FILES@. Input "@INPUT@": float32 @INPUT_SHAPE@ (@INPUT_LAYOUT@), values from 0 to @RANGE@; output
 * "@OUTPUT@": float32 @OUTPUT_SHAPE@. The int8 file takes and gives float32 as well: it quantizes inside.
 *
 * Not for several threads at once.
 */
class Classifier(model: ByteBuffer, private val labels: List<String>, threads: Int = 2) : Closeable {
    private val interpreter = Interpreter(model, Interpreter.Options().setNumThreads(threads))
    private val input = floats(PhotoTensor.HEIGHT * PhotoTensor.WIDTH * 3)
    private val output = floats(CLASSES)

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
        input.rewind()
        input.asFloatBuffer().put(photo)
        output.rewind()
        interpreter.runSignature(mapOf<String, Any>("@INPUT@" to input), mapOf<String, Any>("@OUTPUT@" to output))
        output.rewind()
        return FloatArray(CLASSES).also { output.asFloatBuffer().get(it) }
    }

    override fun close() = interpreter.close()

    companion object {
        private const val CLASSES = @CLASSES@

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

        private fun floats(count: Int): ByteBuffer = ByteBuffer.allocateDirect(4 * count).order(ByteOrder.nativeOrder())
    }
}
