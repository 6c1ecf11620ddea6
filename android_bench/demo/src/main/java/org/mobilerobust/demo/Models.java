package org.mobilerobust.demo;

import android.content.Context;
import com.example.classifier.Classifier;
import com.example.classifier.Prediction;
import java.util.List;
import java.util.Locale;

/** The two networks, with the module and without, and what one says of a frame. For one thread. */
final class Models {
    private static final int SHOWN = 3;

    private final Classifier repaired;
    private final Classifier baseline;

    Models(Classifier repaired, Classifier baseline) {
        this.repaired = repaired;
        this.baseline = baseline;
    }

    /** Those of the app's assets; the code that uses them is the app kit's. */
    static Models open(Context context) {
        return new Models(Classifier.Companion.open(context, "repaired.tflite", "labels.txt"),
                Classifier.Companion.open(context, "baseline.tflite", "labels.txt"));
    }

    /** The first classes, a line each, and the time that it took, from the frame to them. */
    String classify(Frame frame, boolean repair) {
        Classifier classifier = repair ? repaired : baseline;
        long start = System.nanoTime();
        List<Prediction> found = classifier.classify(frame.pixels, frame.width, frame.height, SHOWN);
        double milliseconds = (System.nanoTime() - start) / 1e6;
        StringBuilder text = new StringBuilder();
        for (Prediction each : found) {
            text.append(String.format(Locale.ROOT, "%3.0f %%  %s%n", 100 * each.getProbability(), each.getLabel()));
        }
        return text.append(String.format(Locale.ROOT, "%.0f ms", milliseconds)).toString();
    }

    void close() {
        repaired.close();
        baseline.close();
    }
}
