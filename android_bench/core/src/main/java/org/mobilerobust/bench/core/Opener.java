package org.mobilerobust.bench.core;

import java.io.File;

/** The runtime of this phone. */
public interface Opener {
    /** Its version. */
    String version();

    /** Loads an artifact: ready for inferences on the accelerator that the model asks for, and on no other. */
    Engine open(File artifact, Model model, int threads);
}
