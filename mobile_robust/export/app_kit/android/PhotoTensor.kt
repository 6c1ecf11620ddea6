package com.example.classifier

import kotlin.math.abs
import kotlin.math.floor
import kotlin.math.max
import kotlin.math.min
import kotlin.math.round

/** Photos as @NAME@ takes them: @HEIGHT@ x @WIDTH@ pixels, RGB, values from 0 to @RANGE@. */
object PhotoTensor {
    const val HEIGHT = @HEIGHT@
    const val WIDTH = @WIDTH@
    /** The photo is scaled until it covers so many times the tensor's sides. */
    private const val MARGIN = @MARGIN@
    /** What a value from 0 to 255 is multiplied with. */
    private const val SCALE = @SCALE@f

    /**
     * Scales a photo (bicubic, smoothed where it gets smaller), and cuts the middle out.
     *
     * @param pixels 0xAARRGGBB, row by row, as Bitmap.getPixels gives them; the photo is upright
     * @return HEIGHT x WIDTH x 3 values: red, green and blue of the first pixel first
     */
    fun of(pixels: IntArray, width: Int, height: Int): FloatArray {
        require(pixels.size == width * height) { "not width x height pixels" }
        val exact = width == WIDTH && height == HEIGHT
        val scale = if (exact) 1.0 else max(round(HEIGHT * MARGIN) / height, round(WIDTH * MARGIN) / width)
        val across = Taps.of(width, max(WIDTH, round(width * scale).toInt()), WIDTH)
        val down = Taps.of(height, max(HEIGHT, round(height * scale).toInt()), HEIGHT)
        val narrow = IntArray(height * WIDTH * 3)
        for (y in down.first().start until down.last().end) {
            for (x in 0 until WIDTH) {
                val taps = across[x]
                for (channel in 0..2) {
                    val shift = 16 - 8 * channel
                    val sum = taps.sum { pixels[y * width + it] shr shift and 255 }
                    narrow[(y * WIDTH + x) * 3 + channel] = level(sum)
                }
            }
        }
        val tensor = FloatArray(HEIGHT * WIDTH * 3)
        for (y in 0 until HEIGHT) {
            for (column in 0 until WIDTH * 3) {
                tensor[y * WIDTH * 3 + column] = level(down[y].sum { narrow[it * WIDTH * 3 + column] }) * SCALE
            }
        }
        return tensor
    }

    private fun level(sum: Double): Int = min(255, max(0, floor(sum + 0.5).toInt()))
}

/** What one pixel of a scaled row or column is the weighted mean of. */
private class Taps(val start: Int, private val weights: DoubleArray) {
    val end get() = start + weights.size

    inline fun sum(value: (Int) -> Int): Double {
        var sum = 0.0
        for (tap in weights.indices) sum += weights[tap] * value(start + tap)
        return sum
    }

    companion object {
        /** The middle `count` pixels of `from` pixels that are scaled to `to`. */
        fun of(from: Int, to: Int, count: Int): List<Taps> {
            val step = from.toDouble() / to
            val reach = max(1.0, step)
            val skipped = (to - count) / 2
            return List(count) { index ->
                val centre = (skipped + index + 0.5) * step
                val start = max(0, (centre - 2 * reach + 0.5).toInt())
                val end = min(from, (centre + 2 * reach + 0.5).toInt())
                val weights = DoubleArray(end - start) { cubic((start + it - centre + 0.5) / reach) }
                val total = weights.sum()
                Taps(start, DoubleArray(weights.size) { weights[it] / total })
            }
        }

        private fun cubic(offset: Double): Double {
            val x = abs(offset)
            return when {
                x < 1 -> (1.5 * x - 2.5) * x * x + 1
                x < 2 -> -0.5 * (((x - 5) * x + 8) * x - 4)
                else -> 0.0
            }
        }
    }
}
