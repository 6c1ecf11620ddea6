package org.mobilerobust.bench;

import android.os.Looper;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.robolectric.Shadows;

/** Holds the measuring thread where it is. */
final class Gate implements Runnable {
    private final CountDownLatch reached = new CountDownLatch(1);
    private final CountDownLatch open = new CountDownLatch(1);

    @Override
    public void run() {
        reached.countDown();
        await(open);
    }

    /** Waits until the thread is there, and the screen shows what it said. */
    void reached() {
        await(reached);
        Shadows.shadowOf(Looper.getMainLooper()).idle();
    }

    void open() {
        open.countDown();
    }

    private static void await(CountDownLatch latch) {
        try {
            if (!latch.await(60, TimeUnit.SECONDS)) {
                throw new IllegalStateException("nobody came");
            }
        } catch (InterruptedException error) {
            throw new IllegalStateException(error);
        }
    }
}
