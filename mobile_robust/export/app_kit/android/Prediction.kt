package com.example.classifier

import kotlin.math.exp

/** A class that the network finds in a photo; its probability is between 0 and 1. */
data class Prediction(val index: Int, val label: String, val probability: Float) {
    companion object {
        /** The `count` likeliest classes, likeliest first. */
        fun top(logits: FloatArray, labels: List<String>, count: Int): List<Prediction> {
            val largest = logits.maxOrNull() ?: return emptyList()
            val total = logits.sumOf { exp((it - largest).toDouble()) }
            return logits.indices.sortedByDescending { logits[it] }.take(count).map {
                val probability = exp((logits[it] - largest).toDouble()) / total
                Prediction(it, labels.getOrElse(it) { index -> "class " + index }, probability.toFloat())
            }
        }
    }
}
