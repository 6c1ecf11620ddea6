package com.example.classifier

import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.math.max
import kotlin.math.min
import org.tensorflow.lite.DataType
import org.tensorflow.lite.Tensor

/** The numbers of an input or output as its file stores them: float32, or uint8 by the tensor's own scale. */
class TensorValues(tensor: Tensor) {
    private val count = tensor.numElements()
    private val bytewise = tensor.dataType() == DataType.UINT8
    private val scale = tensor.quantizationParams().scale
    private val zero = tensor.quantizationParams().zeroPoint
    /** What the interpreter reads and writes. */
    val bytes: ByteBuffer = ByteBuffer.allocateDirect(if (bytewise) count else 4 * count).order(ByteOrder.nativeOrder())

    init {
        require(bytewise || tensor.dataType() == DataType.FLOAT32) { "" + tensor.name() + " is " + tensor.dataType() }
    }

    fun put(values: FloatArray) {
        bytes.rewind()
        if (!bytewise) bytes.asFloatBuffer().put(values)
        else for (value in values) bytes.put(min(255, max(0, Math.rint(value / scale.toDouble()).toInt() + zero)).toByte())
        bytes.rewind()
    }

    fun get(): FloatArray {
        bytes.rewind()
        if (!bytewise) return FloatArray(count).also { bytes.asFloatBuffer().get(it) }
        return FloatArray(count) { ((bytes.get().toInt() and 255) - zero) * scale }
    }
}
