package org.mobilerobust.bench.core;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.junit.Before;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

public class BenchTest {
    @Rule
    public final TemporaryFolder folder = new TemporaryFolder();

    private final FakeDevice device = new FakeDevice();
    private final FakeOpener opener = new FakeOpener(device);
    private File files;
    private LoggingStore store;
    private Map<String, Object> job;

    @Before
    public void twoModels() throws IOException {
        files = folder.getRoot();
        store = new LoggingStore(new File(files, Jobs.RUN_ID));
        job = Jobs.of(files, Jobs.model(files, "A", false), Jobs.model(files, "B", true));
    }

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
    public void answersAreHashedAndTheFirstAreKept() throws Exception {
        run();
        Object run = Jobs.at(result(), "runs", 0);
        List<Object> digests = new ArrayList<Object>();
        ByteArrayOutputStream firstTwo = new ByteArrayOutputStream();
        for (int i = 0; i < Jobs.COUNT; i++) {
            byte[] answer = ByteBuffer.allocate(12).order(ByteOrder.LITTLE_ENDIAN)
                    .putFloat(2 * i).putFloat(2 * i + 2).putFloat(2 * i + 4).array();
            digests.add(Digest.of(answer));
            if (i < 2) {
                firstTwo.write(answer);
                assertEquals(Base64.getEncoder().encodeToString(answer), Jobs.at(run, "outputs", i, "values"));
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
        assertEquals(1, ((List<?>) Jobs.at(result(), "runs", 0, "repetitions")).size());
        assertEquals(1L, Jobs.at(result(), "runs", 0, "repetitions", 0, "index"));
        assertEquals(2, ((List<?>) Jobs.at(result(), "runs", 1, "repetitions")).size());
        assertEquals(3L, Jobs.at(read("progress.json"), "done"));
        assertEquals(3L, Jobs.at(read("progress.json"), "total"));
    }

    @Test
    public void theResultIsWrittenAfterEveryRepetition() throws Exception {
        opener.failures.put("run B 14", new Killed()); // the app, in B's second repetition
        try {
            run();
            fail();
        } catch (Killed expected) {
            assertEquals(2, ((List<?>) Jobs.at(result(), "runs", 0, "repetitions")).size());
            assertEquals(1, ((List<?>) Jobs.at(result(), "runs", 1, "repetitions")).size());
            assertEquals(false, Jobs.at(result(), "complete"));
            assertFalse(store.has(Bench.DONE));
        }
    }

    @Test
    public void aRunThatWasBegunBeforeIsNotOverwritten() throws Exception {
        run();
        byte[] before = store.read("result.json");
        assertTrue(run().contains("was begun before"));
        assertArrayEquals(before, store.read("result.json"));
        assertDone("error", "begun before");
    }

    @Test
    public void theDoneMarkerHasTheResultsHash() throws Exception {
        run();
        assertDone("complete", "");
        assertEquals(Digest.of(store.read("result.json")), Jobs.at(read(Bench.DONE), "result_sha256"));
    }

    @Test
    public void aGpuThatLeavesOperationsHasNoSamples() throws Exception {
        opener.planLengths.put("B", 3);
        assertEquals("", run());
        Object run = Jobs.at(result(), "runs", 1);
        assertEquals(Jobs.object("accelerator", "gpu", "total_ops", 5L, "placed_ops", 3L), Jobs.at(run, "actual"));
        assertError(1, "load", "the GPU did not take 2 of 5 operations");
        assertEquals(Jobs.list(), Jobs.at(run, "repetitions"));
        assertNull(Jobs.at(run, "outputs_sha256"));
        assertNull(Jobs.at(run, "load_ns"));
        assertEquals(2, ((List<?>) Jobs.at(result(), "runs", 0, "repetitions")).size());
        assertFalse(store.has("outputs_1.f32"));
    }

    @Test
    public void aGpuThatTakesNothingIsToldFromOneThatTakesAll() throws Exception {
        opener.planLengths.put("B", 5);
        run();
        assertError(1, "load", "did not take 5 of 5");
        assertEquals(0L, Jobs.at(result(), "runs", 1, "actual", "placed_ops"));
    }

    @Test
    public void oneNodeOfAFileWithOneOperationProvesNoGpu() throws Exception {
        Jobs.put(job, 1, "models", 1, "total_ops");
        run();
        assertError(1, "load", "did not take 1 of 1");
    }

    @Test
    public void aCpuMayLeaveOperationsToItsOtherKernels() throws Exception {
        opener.planLengths.put("A", 3);
        run();
        assertEquals(
                Jobs.object("accelerator", "cpu", "total_ops", 5L, "placed_ops", 5L),
                Jobs.at(result(), "runs", 0, "actual"));
        assertEquals(2, ((List<?>) Jobs.at(result(), "runs", 0, "repetitions")).size());
    }

    @Test
    public void aCpuWithoutXnnpackIsAnError() throws Exception {
        opener.planLengths.put("A", 5);
        run();
        assertError(0, "load", "XNNPACK took none of 5 operations");
    }

    @Test
    public void afterAnErrorTheOthersGoOn() throws Exception {
        opener.failures.put("open A", new IllegalArgumentException("Internal error: Cannot create interpreter"));
        opener.failures.put("run B 12", new IllegalStateException("the GPU was lost"));
        assertEquals("", run());
        assertError(0, "load", "Cannot create interpreter");
        assertError(1, "repetition 1", "the GPU was lost");
        assertEquals(1, ((List<?>) Jobs.at(result(), "runs", 1, "repetitions")).size());
        assertEquals(true, Jobs.at(result(), "complete"));
        assertEquals(0, opener.open);
    }

    @Test
    public void aMissingNativeLibraryAndFullMemoryAreErrorsOfTheModel() throws Exception {
        opener.failures.put("open A", new UnsatisfiedLinkError("dlopen failed"));
        opener.failures.put("run B 2", new OutOfMemoryError());
        run();
        assertError(0, "load", "dlopen failed");
        assertError(1, "test set", "OutOfMemoryError");
    }

    @Test
    public void answersThatAreNotFiniteAreAnError() throws Exception {
        opener.failures.put("answer A", null);
        run();
        assertError(0, "test set", "output twice for input 0 has values that are not finite");
        assertEquals(Jobs.list(), Jobs.at(result(), "runs", 0, "repetitions"));
        assertEquals(Jobs.list(), Jobs.at(result(), "runs", 0, "outputs"));
    }

    @Test
    public void filesThatAreNotTheHostsAreAnError() throws Exception {
        FileOutputStream out = new FileOutputStream(new File(files, (String) Jobs.at(job, "models", 0, "file")), true);
        out.write(1);
        out.close();
        assertTrue(new File(files, (String) Jobs.at(job, "models", 1, "inputs_file")).delete());
        run();
        assertError(0, "load", "is not what the host sent");
        assertError(1, "load", ".f32");
    }

    @Test
    public void aTestSetOfAnotherSizeIsAnError() throws Exception {
        Jobs.put(job, 4, "protocol", "inputs", "count");
        run();
        assertError(0, "load", "has 36 bytes, but 4 inputs of A.tflite have 48");
    }

    @Test
    public void aHotPhoneIsWaitedFor() throws Exception {
        device.thermalStatus = 3;
        device.coolAt = 100000000000L;
        assertEquals("", run());
        assertEquals(2, ((List<?>) Jobs.at(result(), "runs", 0, "repetitions")).size());
        assertTrue(device.now > device.coolAt);
    }

    @Test
    public void aPhoneThatStaysHotIsAnErrorOfAllThatIsLeft() throws Exception {
        opener.hooks.put("run A 11", new Runnable() {
            @Override
            public void run() {
                device.thermalStatus = 4; // during A's first repetition
            }
        });
        String wrong = run();
        assertEquals("phone too hot: thermal status 4 after 300.0 s of waiting, at most 2 is allowed", wrong);
        assertDone("error", "phone too hot");
        assertEquals(1, ((List<?>) Jobs.at(result(), "runs", 0, "repetitions")).size());
        assertEquals(1, ((List<?>) Jobs.at(result(), "runs", 0, "errors")).size());
        assertError(0, "repetition 1", "phone too hot");
        assertEquals(Jobs.list(), Jobs.at(result(), "runs", 1, "repetitions"));
        assertEquals(2, ((List<?>) Jobs.at(result(), "runs", 1, "errors")).size());
        assertError(1, "repetition 0", "phone too hot");
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
    public void anAppThatNobodySeesStops() throws Exception {
        opener.hooks.put("run B 9", new Runnable() {
            @Override
            public void run() {
                device.inFront = false; // during B's first repetition
            }
        });
        assertTrue(run().contains("left the front"));
        assertDone("error", "left the front");
        assertEquals(1, ((List<?>) Jobs.at(result(), "runs", 0, "repetitions")).size());
        assertEquals(Jobs.list(), Jobs.at(result(), "runs", 1, "repetitions"));
        assertEquals(false, Jobs.at(result(), "complete"));
    }

    @Test
    public void anAppThatNobodySeesBeginsNoRepetition() throws Exception {
        device.inFront = false;
        assertTrue(run().contains("left the front"));
        assertFalse(device.log.contains("state"));
    }

    @Test
    public void fullStorageEndsWithTheDoneMarkerAndKeepsWhatIsThere() throws Exception {
        store.fullAfter = 4; // results: the first, and those of three repetitions
        assertTrue(run().contains("No space left on device"));
        assertDone("error", "result.json: cannot be written: No space left on device");
        assertEquals(Digest.of(store.read("result.json")), Jobs.at(read(Bench.DONE), "result_sha256"));
        assertEquals(1, ((List<?>) Jobs.at(result(), "runs", 1, "repetitions")).size());
        assertEquals(0, opener.open);
    }

    @Test
    public void storageThatIsFullFromTheBeginningIsSaidToo() throws Exception {
        store.fullAfter = 0;
        run();
        assertDone("error", "No space left on device");
        assertEquals(Digest.of(new byte[0]), Jobs.at(read(Bench.DONE), "result_sha256"));
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
        assertEquals(4L, Jobs.at(read("progress.json"), "done"));
        assertTrue(store.said.contains("loading B.tflite on the GPU"));
        assertTrue(store.said.contains("repetition 2 of 2: A.tflite on the CPU"));
    }

    private String run() throws Exception {
        return Bench.run(Job.read(Json.write(job)), files, store, device, opener, new Progress.Listener() {
            @Override
            public void at(String what, int done, int total) {
                store.said.add(what);
            }
        });
    }

    private Object result() throws Exception {
        return read("result.json");
    }

    private Object read(String name) throws Exception {
        return Json.read(new String(store.read(name), "UTF-8"));
    }

    private void assertDone(String reason, String message) throws Exception {
        Object done = read(Bench.DONE);
        assertEquals(reason, Jobs.at(done, "reason"));
        String found = (String) Jobs.at(done, "message");
        assertTrue(found, message.isEmpty() ? found.isEmpty() : found.contains(message));
    }

    private void assertError(int run, String where, String message) throws Exception {
        assertEquals(where, Jobs.at(result(), "runs", run, "errors", 0, "where"));
        String found = (String) Jobs.at(result(), "runs", run, "errors", 0, "message");
        assertTrue(found, found.contains(message));
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

    private static final class Killed extends Error {
        private static final long serialVersionUID = 1;
    }

    /** Logs what is written, and is full after some results. */
    private final class LoggingStore implements Store {
        final List<Long> alive = new ArrayList<Long>();
        final List<String> said = new ArrayList<String>();
        int fullAfter = Integer.MAX_VALUE;
        private final FileStore files;
        private boolean full;

        LoggingStore(File folder) throws IOException {
            files = new FileStore(folder);
        }

        @Override
        public boolean has(String name) {
            return files.has(name);
        }

        @Override
        public byte[] read(String name) throws IOException {
            return files.read(name);
        }

        @Override
        public void write(String name, byte[] content) throws IOException {
            full |= name.equals(Report.NAME) && fullAfter-- == 0;
            if (full) {
                throw new IOException(name + ": cannot be written: No space left on device");
            }
            files.write(name, content);
            if (name.equals("progress.json")) {
                alive.add(device.wallMillis());
            } else {
                device.log.add("write " + name);
            }
        }

        @Override
        public void release() {
            full = false;
            files.release();
        }
    }
}
