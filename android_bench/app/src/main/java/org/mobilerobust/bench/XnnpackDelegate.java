package org.mobilerobust.bench;

import org.tensorflow.lite.Delegate;
import org.tensorflow.lite.TensorFlowLite;

/** XNNPACK with a chosen number of threads; see xnnpack.c for why the runtime's own is not taken. */
final class XnnpackDelegate implements Delegate {
    static {
        TensorFlowLite.init(); // the library below calls functions of the runtime's
        System.loadLibrary("mobile_robust_xnnpack");
    }

    private long handle;

    XnnpackDelegate(int threads) {
        handle = create(threads);
        if (handle == 0) {
            throw new IllegalStateException("XNNPACK does not run on this processor");
        }
    }

    @Override
    public long getNativeHandle() {
        return handle;
    }

    @Override
    public void close() {
        if (handle != 0) {
            delete(handle);
            handle = 0;
        }
    }

    private static native long create(int threads);

    private static native void delete(long delegate);
}
