package org.mobilerobust.bench.core;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** A model that is loaded, with its test set: what is measured of it, one method a step. */
final class Loaded {
    private final Model model;
    private final Protocol protocol;
    private final Device device;
    private final Progress progress;
    private final TestSet testSet;
    private Engine engine;

    /** Opens the test set only; {@link #load} does the rest. */
    Loaded(Model model, Protocol protocol, File files, Device device, Progress progress) {
        this.model = model;
        this.protocol = protocol;
        this.device = device;
        this.progress = progress;
        try {
            verify(new File(files, model.file), model.sha256);
            verify(new File(files, model.inputsFile), model.inputsSha256);
            testSet = new TestSet(new File(files, model.inputsFile), model, protocol.count);
        } catch (IOException error) {
            throw new UncheckedIOException(error.getMessage(), error);
        }
    }

    /** Loads the artifact and makes the first inference; the GPU, where it was asked for, must have taken all of it. */
    void load(File files, Opener opener, RunRecord run) {
        Long baseline = device.forgetPeak() ? device.residentBytes() : null;
        long start = device.nanoTime();
        engine = opener.open(new File(files, model.file), model, protocol.threads);
        long load = device.nanoTime() - start;
        testSet.read(0, engine.inputs());
        long first = sample();
        Long peak = baseline == null ? null : device.peakResidentBytes();
        place(run);
        run.loaded(load, first, baseline, peak);
    }

    /**
     * Runs the whole test set once.
     *
     * @return the outputs for the first {@code kept} inputs, all outputs of one after the other
     */
    byte[] computeOutputs(int kept, RunRecord run) throws IOException {
        List<Object> digests = new ArrayList<Object>();
        int keptBytes = 0;
        byte[] first = new byte[(int) (kept * model.outputBytes())];
        for (int i = 0; i < protocol.count; i++) {
            testSet.read(i, engine.inputs());
            sample();
            Digest digest = new Digest();
            ByteBuffer[] outputs = engine.outputs();
            for (int k = 0; k < outputs.length; k++) {
                byte[] values = RunRecord.bytes(outputs[k]);
                if (!isFinite(outputs[k])) {
                    throw new IllegalStateException("output " + model.outputs.get(k).name + " for input " + i
                            + " has values that are not finite");
                }
                digest.add(values);
                if (i < kept) {
                    System.arraycopy(values, 0, first, keptBytes, values.length);
                    keptBytes += values.length;
                }
            }
            digests.add(digest.end());
            run.output(i, model.outputs, outputs);
            progress.alive();
        }
        run.testSetDone(model.inputsSha256, digests);
        return first;
    }

    /** Inferences without a clock until the phone runs as fast as it will. */
    void warmUp() throws IOException {
        System.gc(); // now, rather than between two samples
        testSet.read(0, engine.inputs());
        long end = device.nanoTime() + (long) (protocol.warmUpSeconds * 1e9);
        for (int runs = 0; runs < protocol.warmUpRuns || device.nanoTime() < end; runs++) {
            sample();
            progress.alive();
        }
    }

    /** One inference of every input, in nanoseconds. */
    long[] samples() throws IOException, LeftFront {
        long[] samples = new long[protocol.count];
        for (int i = 0; i < samples.length; i++) {
            testSet.read(i, engine.inputs());
            samples[i] = sample();
            progress.alive();
            LeftFront.check(device);
        }
        return samples;
    }

    void close() {
        testSet.close();
        if (engine != null) {
            engine.close();
        }
    }

    private long sample() {
        long nanoseconds = engine.run();
        if (nanoseconds <= 0) {
            throw new IllegalStateException("an inference of " + nanoseconds + " ns: the clock stands still");
        }
        return nanoseconds;
    }

    /** What the execution plan says: a delegate is one node, every operation that it left is one more. */
    private void place(RunRecord run) {
        int nodes = engine.planLength();
        boolean one = nodes == 1 && model.totalOps > 1; // of a file with one operation one node says nothing
        if (!model.gpu) {
            if (nodes >= model.totalOps && model.totalOps > 1) {
                throw new IllegalStateException("XNNPACK took none of " + model.totalOps + " operations");
            }
            run.placed(one ? "xnnpack" : "cpu", model.totalOps, model.totalOps);
            return;
        }
        int left = one ? 0 : nodes >= model.totalOps ? model.totalOps : nodes - 1;
        run.placed("gpu", model.totalOps, model.totalOps - left);
        if (left > 0) {
            throw new IllegalStateException("the GPU did not take " + left + " of " + model.totalOps
                    + " operations (the execution plan has " + nodes + " nodes, 1 is wanted); a CPU does not stand in");
        }
    }

    private static boolean isFinite(ByteBuffer buffer) {
        for (int at = 0; at < buffer.capacity(); at += 4) {
            float value = buffer.getFloat(at);
            if (Float.isNaN(value) || Float.isInfinite(value)) {
                return false;
            }
        }
        return true;
    }

    private static void verify(File file, String sha256) throws IOException {
        String found = Digest.of(file);
        if (!found.equals(sha256)) {
            throw new IOException(file.getName() + ": is not what the host sent: its SHA-256 is " + found);
        }
    }
}
