package org.mobilerobust.bench.core;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.Test;

/** A run in which everything goes well. */
public class BenchTest extends BenchRun {
    @Test
    public void everythingIsDoneInTheProtocolsOrder() throws Exception {
        assertEquals("", run());
        List<String> steps = new ArrayList<String>();
        for (String step : device.log) { // equal steps that follow each other once, with their number
            String last = steps.isEmpty() ? "" : steps.get(steps.size() - 1);
            if (last.startsWith(step + " x")) {
                int count = Integer.parseInt(last.substring(step.length() + 2));
                steps.set(steps.size() - 1, step + " x" + (count + 1));
            } else {
                steps.add(step + " x1");
            }
        }
        List<String> expected = new ArrayList<String>(Arrays.asList("write result.json x1"));
        for (String name : Arrays.asList("A", "B")) {
            expected.addAll(Arrays.asList(
                    "open " + name + (name.equals("A") ? " cpu 4 x1" : " gpu 4 x1"),
                    "run " + name + " 0.0 x2", // the first inference, and the test set's first
                    "run " + name + " 1.0 x1", "run " + name + " 2.0 x1",
                    "write outputs_" + (name.equals("A") ? 0 : 1) + ".f32 x1"));
        }
        for (int repetition = 0; repetition < 2; repetition++) {
            for (String name : Arrays.asList("A", "B")) {
                expected.addAll(Arrays.asList(
                        "sleep x2", // 2 s of cool-down
                        "state x1",
                        "run " + name + " 0.0 x6", // 0.5 s of warm-up are 5 runs; the sixth is the first sample
                        "run " + name + " 1.0 x1", "run " + name + " 2.0 x1",
                        "state x1", "write result.json x1"));
            }
        }
        expected.set(expected.size() - 1, "write result.json x2"); // the second one is complete
        expected.add("write done.json x1");
        assertEquals(expected, steps);
        assertEquals(0, opener.open);
    }

    @Test
    public void theResultHoldsWhatWasMeasured() throws Exception {
        run();
        Object run = Jobs.at(result(), "runs", 1);
        assertEquals(Jobs.object("name", "tflite_gpu", "version", "2.16.1"), Jobs.at(run, "runtime"));
        assertEquals(FakeOpener.LOAD, Jobs.at(run, "load_ns"));
        assertEquals(FakeOpener.INFERENCE + 1, Jobs.at(run, "first_inference_ns"));
        assertEquals(1000L, Jobs.at(run, "baseline_memory_bytes"));
        assertEquals(3000L, Jobs.at(run, "peak_memory_bytes"));
        assertEquals(
                Jobs.object("accelerator", "gpu", "total_ops", 5L, "placed_ops", 5L), Jobs.at(run, "actual"));
        assertEquals("Größe ×2 \uD83D\uDCF7", Jobs.at(run, "title"));
        // Runs of the engine before: first inference, test set of 3, 5 of warm-up, then in the second 3 more and 5.
        assertEquals(samples(10, 11, 12), Jobs.at(run, "repetitions", 0, "samples_ns"));
        assertEquals(samples(18, 19, 20), Jobs.at(run, "repetitions", 1, "samples_ns"));
        assertEquals(1L, Jobs.at(run, "repetitions", 1, "index"));
        assertEquals(31000L, Jobs.at(run, "repetitions", 1, "state_after", "temperatures_mc", "skin"));
        assertEquals(true, Jobs.at(result(), "complete"));
        assertEquals(Json.read(Json.write(Jobs.at(job, "protocol"))), Jobs.at(result(), "protocol"));
        keepForThePythonSide();
    }

    @Test
    public void outputsAreHashedAndTheFirstAreKept() throws Exception {
        run();
        Object run = Jobs.at(result(), "runs", 0);
        List<Object> digests = new ArrayList<Object>();
        ByteArrayOutputStream firstTwo = new ByteArrayOutputStream();
        for (int i = 0; i < Jobs.COUNT; i++) {
            byte[] output = ByteBuffer.allocate(12).order(ByteOrder.LITTLE_ENDIAN)
                    .putFloat(2 * i).putFloat(2 * i + 2).putFloat(2 * i + 4).array();
            digests.add(Digest.of(output));
            if (i < 2) {
                firstTwo.write(output);
                assertEquals(Base64.getEncoder().encodeToString(output), Jobs.at(run, "outputs", i, "values"));
                assertEquals(Jobs.list(1L, 3L), Jobs.at(run, "outputs", i, "shape"));
            }
        }
        assertEquals(digests, Jobs.at(run, "outputs_sha256"));
        assertEquals(2, ((List<?>) Jobs.at(run, "outputs")).size());
        assertEquals(Jobs.at(job, "models", 0, "inputs_sha256"), Jobs.at(run, "inputs_sha256"));
        assertArrayEquals(firstTwo.toByteArray(), store.read("outputs_0.f32"));
    }

    @Test
    public void theWarmUpHasItsRunsWhereTheyLastLonger() throws Exception {
        Jobs.put(job, 9, "protocol", "warm_up_runs");
        run();
        assertEquals(samples(14, 15, 16), Jobs.at(result(), "runs", 0, "repetitions", 0, "samples_ns"));
    }

    @Test
    public void onlyTheMissingRepetitionsAreMeasured() throws Exception {
        Jobs.put(job, Jobs.list(1), "models", 0, "repetitions");
        run();
        assertEquals(1, measured(0));
        assertEquals(1L, Jobs.at(result(), "runs", 0, "repetitions", 0, "index"));
        assertEquals(2, measured(1));
        assertEquals(3L, Jobs.at(read("progress.json"), "done"));
        assertEquals(3L, Jobs.at(read("progress.json"), "total"));
    }

    @Test
    public void theDoneMarkerHasTheResultsHash() throws Exception {
        run();
        assertDone("complete", "");
        assertEquals(Digest.of(store.read("result.json")), Jobs.at(read(Bench.DONE), "result_sha256"));
    }

    @Test
    public void aPhoneThatTellsNoHeatIsMeasured() throws Exception {
        device.thermalStatus = null;
        assertEquals("", run());
        assertNull(Jobs.at(result(), "runs", 0, "repetitions", 0, "state_before", "thermal_status"));
    }

    @Test
    public void memoryThatIsNotToldIsNull() throws Exception {
        device.tellsPeak = false;
        run();
        assertNull(Jobs.at(result(), "runs", 0, "baseline_memory_bytes"));
        assertNull(Jobs.at(result(), "runs", 0, "peak_memory_bytes"));
    }

    @Test
    public void asFewOutputsAreInTheResultAsTheJobAsksFor() throws Exception {
        Jobs.put(job, 1, "inline_outputs");
        run();
        assertEquals(1, ((List<?>) Jobs.at(result(), "runs", 0, "outputs")).size());
        Jobs.put(job, 2, "inline_values");
        store = new LoggingStore(folder.newFolder(), device);
        run();
        assertEquals(Jobs.list(), Jobs.at(result(), "runs", 0, "outputs"));
    }

    @Test
    public void theProgressHasTheIndexOfTheModelItIsAbout() throws Exception {
        run();
        Set<String> seen = new HashSet<String>();
        for (String text : store.progress) {
            Object progress = Json.read(text);
            String what = (String) Jobs.at(progress, "what");
            assertEquals(what, what.contains("B.tflite") ? 1L : 0L, Jobs.at(progress, "model"));
            seen.add(what);
        }
        assertTrue(seen.contains("loading: A.tflite on the CPU") && seen.contains("loading: B.tflite on the GPU"));
        assertTrue(seen.contains("cooling down: then B.tflite on the GPU"));
    }

    @Test
    public void itSaysThatItLives() throws Exception {
        Jobs.put(job, 60.0, "protocol", "warm_up_seconds");
        run();
        for (int i = 1; i < store.alive.size(); i++) {
            long silent = store.alive.get(i) - store.alive.get(i - 1);
            assertTrue("silent for " + silent + " ms", silent <= 2000);
        }
        assertTrue(store.alive.size() > 4 * 30);
        Object progress = read("progress.json");
        assertEquals(4L, Jobs.at(progress, "done"));
        assertEquals("repetition 2 of 2: B.tflite on the GPU", Jobs.at(progress, "what"));
        assertTrue(said.contains("0 of 4: loading: B.tflite on the GPU"));
        assertTrue(said.contains("2 of 4: repetition 2 of 2: A.tflite on the CPU"));
    }

    private static List<Object> samples(int... runs) {
        List<Object> samples = new ArrayList<Object>();
        for (int run : runs) {
            samples.add(FakeOpener.INFERENCE + run);
        }
        return samples;
    }

    /** Into the folder of the property "out", where tests of the host read it. */
    private void keepForThePythonSide() throws IOException {
        String out = System.getProperty("out");
        if (out != null) {
            FileStore kept = new FileStore(new File(out));
            for (String name : Arrays.asList("result.json", "progress.json", "done.json", "outputs_0.f32")) {
                kept.write(name, store.read(name));
            }
            kept.write("job.json", Json.write(job).getBytes("UTF-8"));
        }
    }
}
