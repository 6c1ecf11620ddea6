package org.mobilerobust.bench.core;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import java.io.File;
import java.io.FileOutputStream;
import org.junit.Test;

/** Errors of one model, which get a record in the place of its numbers; the others go on. */
public class BenchErrorsTest extends BenchRun {
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
        assertEquals(2, measured(0));
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
        assertEquals(2, measured(0));
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
        assertEquals(1, measured(1));
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
    public void outputsThatAreNotFiniteAreAnError() throws Exception {
        opener.notFinite.add("A");
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
}
