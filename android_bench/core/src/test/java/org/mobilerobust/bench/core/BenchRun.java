package org.mobilerobust.bench.core;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.Before;
import org.junit.Rule;
import org.junit.rules.TemporaryFolder;

/** A job of two models, A on the CPU and B on the GPU, to be carried out on a fake phone. */
abstract class BenchRun {
    @Rule
    public final TemporaryFolder folder = new TemporaryFolder();

    final FakeDevice device = new FakeDevice();
    final FakeOpener opener = new FakeOpener(device);
    /** What the screen was told. */
    final List<String> said = new ArrayList<String>();
    File files;
    LoggingStore store;
    Map<String, Object> job;

    @Before
    public void twoModels() throws IOException {
        files = folder.getRoot();
        store = new LoggingStore(new File(files, Jobs.RUN_ID), device);
        job = Jobs.of(files, Jobs.model(files, "A", false), Jobs.model(files, "B", true));
    }

    final String run() throws Exception {
        return Bench.run(Job.read(Json.write(job)), files, store, device, opener, new Progress.Listener() {
            @Override
            public void at(String step, String about, int done, int total) {
                said.add(done + " of " + total + ": " + step + ": " + about);
            }
        });
    }

    final Object result() throws Exception {
        return read("result.json");
    }

    final Object read(String name) throws Exception {
        return Json.read(new String(store.read(name), "UTF-8"));
    }

    /** How many repetitions of a model the result has. */
    final int measured(int run) throws Exception {
        return ((List<?>) Jobs.at(result(), "runs", run, "repetitions")).size();
    }

    final void assertDone(String reason, String message) throws Exception {
        Object done = read(Bench.DONE);
        assertEquals(reason, Jobs.at(done, "reason"));
        String found = (String) Jobs.at(done, "message");
        assertTrue(found, message.isEmpty() ? found.isEmpty() : found.contains(message));
    }

    final void assertError(int run, String where, String message) throws Exception {
        assertEquals(where, Jobs.at(result(), "runs", run, "errors", 0, "where"));
        String found = (String) Jobs.at(result(), "runs", run, "errors", 0, "message");
        assertTrue(found, found.contains(message));
    }
}
