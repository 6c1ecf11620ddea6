package org.mobilerobust.bench.core;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Says how far the run is, to the screen and in {@code progress.json}.
 *
 * <p>It is the measuring thread that says so, between its steps: an app that hangs is silent. Only one call of the
 * runtime, above all a load on the GPU, may make it silent for longer than {@link #EVERY}.
 */
public final class Progress {
    /** Whom the screen is. */
    public interface Listener {
        /**
         * Says how far it is.
         *
         * @param step what is done now, such as "loading"
         * @param about what it is done to, such as an artifact and its accelerator
         * @param done repetitions that are measured
         * @param total repetitions that there are to be
         */
        void at(String step, String about, int done, int total);
    }

    /** Nanoseconds after which it says again that it lives. */
    private static final long EVERY = 1500000000L;

    private final Store store;
    private final Device device;
    private final Listener listener;
    private final int total;
    private int done;
    private String step = "";
    private String about = "";
    private int model;
    private long said;

    Progress(Store store, Device device, Listener listener, int total) {
        this.store = store;
        this.device = device;
        this.listener = listener;
        this.total = total;
    }

    /** Something else is done from now on; see {@link Listener#at}. {@code model} is the index of the job's model. */
    void begin(String step, String about, int model) throws IOException {
        this.step = step;
        this.model = model;
        this.about = about;
        say();
    }

    /** A repetition is measured. */
    void repetition() throws IOException {
        done++;
        say();
    }

    /** To be called often; says that it lives when it was silent for long. */
    void alive() throws IOException {
        if (device.nanoTime() - said >= EVERY) {
            say();
        }
    }

    /** Sleeps, but says that it lives. */
    void sleep(double seconds) throws IOException {
        long end = device.nanoTime() + (long) (seconds * 1e9);
        for (long left = end - device.nanoTime(); left > 0; left = end - device.nanoTime()) {
            device.sleep(Math.min(1000, left / 1000000 + 1));
            alive();
        }
    }

    private void say() throws IOException {
        said = device.nanoTime();
        listener.at(step, about, done, total);
        Map<String, Object> document = new LinkedHashMap<String, Object>();
        document.put("done", done);
        document.put("total", total);
        document.put("what", step + ": " + about);
        document.put("model", model);
        document.put("alive", device.wallMillis());
        store.write("progress.json", Json.write(document).getBytes(StandardCharsets.UTF_8));
    }
}
