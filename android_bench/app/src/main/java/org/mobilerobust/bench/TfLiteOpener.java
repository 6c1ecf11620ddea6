package org.mobilerobust.bench;

import java.io.File;
import org.mobilerobust.bench.core.Engine;
import org.mobilerobust.bench.core.Model;
import org.mobilerobust.bench.core.Opener;
import org.tensorflow.lite.TensorFlowLite;

/** TensorFlow Lite. */
public final class TfLiteOpener implements Opener {
    @Override
    public String version() {
        return TensorFlowLite.runtimeVersion();
    }

    @Override
    public Engine open(File artifact, Model model, int threads) {
        return new TfLiteEngine(artifact, model, threads);
    }
}
