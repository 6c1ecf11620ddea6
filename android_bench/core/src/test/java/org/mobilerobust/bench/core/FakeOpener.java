package org.mobilerobust.bench.core;

import java.io.File;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** A runtime whose artifacts double their input; an inference lasts 100 ms. */
public final class FakeOpener implements Opener {
    static final long LOAD = 700000000L;
    static final long INFERENCE = 100000000L;

    /** Whom a call of a model's engine ends, by "open NAME" or "run NAME NUMBER"; the values are thrown. */
    public final Map<String, Throwable> failures = new HashMap<String, Throwable>();
    /** Done at "run NAME NUMBER". */
    public final Map<String, Runnable> hooks = new HashMap<String, Runnable>();
    /** Names of the models whose outputs are not finite. */
    final Set<String> notFinite = new HashSet<String>();
    /** Of a model's name; 1 where there is none. */
    final Map<String, Integer> planLengths = new HashMap<String, Integer>();
    /** Engines that are open now. */
    int open;

    private final FakeDevice device;

    public FakeOpener(FakeDevice device) {
        this.device = device;
    }

    @Override
    public String version() {
        return "2.16.1";
    }

    @Override
    public Engine open(File artifact, final Model model, int threads) {
        device.log.add("open " + model.name + " " + model.requested() + " " + threads);
        device.now += LOAD;
        fail("open " + model.name);
        open++;
        return new FakeEngine(model);
    }

    private void fail(String call) {
        Throwable failure = failures.get(call);
        if (failure instanceof Error) {
            throw (Error) failure;
        }
        if (failure != null) {
            throw (RuntimeException) failure;
        }
    }

    private final class FakeEngine implements Engine {
        private final Model model;
        private final ByteBuffer[] inputs = {ByteBuffer.allocateDirect(12).order(ByteOrder.LITTLE_ENDIAN)};
        private final ByteBuffer[] outputs = {ByteBuffer.allocateDirect(12).order(ByteOrder.LITTLE_ENDIAN)};
        private int runs;

        FakeEngine(Model model) {
            this.model = model;
        }

        @Override
        public ByteBuffer[] inputs() {
            return inputs;
        }

        @Override
        public ByteBuffer[] outputs() {
            return outputs;
        }

        @Override
        public long run() {
            device.log.add("run " + model.name + " " + inputs[0].getFloat(0));
            device.now += INFERENCE;
            String call = "run " + model.name + " " + runs++;
            if (hooks.containsKey(call)) {
                hooks.get(call).run();
            }
            fail(call);
            for (int at = 0; at < 12; at += 4) {
                outputs[0].putFloat(at, 2 * inputs[0].getFloat(at));
            }
            if (notFinite.contains(model.name)) {
                outputs[0].putFloat(4, Float.NaN);
            }
            return INFERENCE + runs;
        }

        @Override
        public int planLength() {
            return planLengths.containsKey(model.name) ? planLengths.get(model.name) : 1;
        }

        @Override
        public void close() {
            open--;
        }
    }
}
