package org.mobilerobust.bench.core;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;

import java.util.List;
import org.junit.Test;

/** What ends a run early or holds it up, and what is left then. */
public class BenchStopTest extends BenchRun {
    @Test
    public void theResultIsWrittenAfterEveryRepetition() throws Exception {
        opener.failures.put("run B 14", new Killed()); // the app, in B's second repetition
        try {
            run();
            fail();
        } catch (Killed expected) {
            assertEquals(2, measured(0));
            assertEquals(1, measured(1));
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
    public void aHotPhoneIsWaitedFor() throws Exception {
        device.thermalStatus = 3;
        device.coolAt = 100000000000L;
        assertEquals("", run());
        assertEquals(2, measured(0));
        assertEquals(0L, Jobs.at(result(), "runs", 0, "repetitions", 0, "state_before", "thermal_status"));
        assertTrue(said.contains(
                "0 of 4: waiting for the phone to cool down: thermal status 3, at most 2"));
        String start = (String) Jobs.at(result(), "runs", 0, "repetitions", 0, "start");
        assertTrue(start, start.compareTo(Report.utc(1700000000000L + device.coolAt / 1000000)) > 0);
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
        assertEquals(1, measured(0));
        assertEquals(1, ((List<?>) Jobs.at(result(), "runs", 0, "errors")).size());
        assertError(0, "repetition 1", "phone too hot");
        assertEquals(Jobs.list(), Jobs.at(result(), "runs", 1, "repetitions"));
        assertEquals(2, ((List<?>) Jobs.at(result(), "runs", 1, "errors")).size());
        assertError(1, "repetition 0", "phone too hot");
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
        assertEquals(1, measured(0));
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
        assertEquals(1, measured(1));
        assertEquals(0, opener.open);
    }

    @Test
    public void storageThatIsFullFromTheBeginningIsSaidToo() throws Exception {
        store.fullAfter = 0;
        run();
        assertDone("error", "No space left on device");
        assertEquals(Digest.of(new byte[0]), Jobs.at(read(Bench.DONE), "result_sha256"));
    }

    private static final class Killed extends Error {
        private static final long serialVersionUID = 1;
    }
}
