package org.mobilerobust.bench.core;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.Before;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

public class JobTest {
    @Rule
    public final TemporaryFolder folder = new TemporaryFolder();

    private Object job;

    @Before
    public void twoModels() throws IOException {
        job = Jobs.of(
                folder.getRoot(), Jobs.model(folder.getRoot(), "A", false), Jobs.model(folder.getRoot(), "A", true));
    }

    @Test
    public void everyFieldIsRead() throws Exception {
        Job read = Job.read(Json.write(job));
        assertEquals(Jobs.RUN_ID, read.runId);
        assertEquals(0.5, read.protocol.warmUpSeconds, 0);
        assertEquals(4, read.protocol.warmUpRuns);
        assertEquals(2, read.protocol.repetitions);
        assertEquals(4, read.protocol.threads);
        assertEquals(2.0, read.protocol.coolDownSeconds, 0);
        assertEquals(3, read.protocol.count);
        assertEquals(2, read.maxThermalStatus);
        assertEquals(300.0, read.thermalWaitSeconds, 0);
        assertEquals(2, read.keptOutputs);
        assertEquals(2, read.inlineOutputs);
        assertEquals(4096, read.inlineValues);
        assertEquals(4, read.total());
        Model model = read.models.get(1);
        assertEquals("A.tflite on the GPU", model.describe());
        assertEquals(Jobs.at(job, "models", 1, "sha256") + ".tflite", model.file);
        assertEquals(Jobs.at(job, "models", 1, "inputs_sha256") + ".f32", model.inputsFile);
        assertEquals(5, model.totalOps);
        assertArrayEquals(new int[] {0, 1}, model.repetitions);
        assertEquals("tflite_gpu", model.runtime());
        assertEquals("fp16", model.arithmetic);
        assertEquals((Long) 4000000000L, model.macs);
        assertNull(model.parameters);
        assertEquals(12, model.inputBytes());
        assertArrayEquals(new int[] {1, 3}, model.outputs.get(0).shape);
    }

    @Test
    public void aWholeNumberMayStandForSeconds() throws Exception {
        Jobs.put(job, 3, "thermal_wait_seconds");
        assertEquals(3.0, Job.read(Json.write(job)).thermalWaitSeconds, 0);
    }

    @Test
    public void whatDoesNotFitIsRefusedByName() {
        refuses("schema_version: must be a whole number from 1 to 1, got 2", 2, "schema_version");
        refuses("run_id: must be 16 hexadecimal digits, got \"../../etc\"", "../../etc", "run_id");
        refuses("protocol: must be an object", 1, "protocol");
        refuses("protocol.name: must be mean-of-means, got \"best\"", "best", "protocol", "name");
        refuses("protocol.warm_up_seconds: must be a number from 0 to 86400, got -1", -1, "protocol", "warm_up_seconds");
        refuses("protocol.repetitions: must be a whole number from 1", 1.5, "protocol", "repetitions");
        refuses("protocol.threads: must be a whole number from 1 to 64, got 0", 0, "protocol", "threads");
        refuses("protocol.pinned_cpus: must be null", Jobs.list(1), "protocol", "pinned_cpus");
        refuses("protocol.interleaved: must be true", false, "protocol", "interleaved");
        refuses("protocol.inputs.count: must be", 0, "protocol", "inputs", "count");
        refuses("protocol.inputs.sha256: must be 64 hex", "abc", "protocol", "inputs", "sha256");
        refuses("max_thermal_status: must be a whole number from 0 to 6, got 7", 7, "max_thermal_status");
        refuses("kept_outputs: must be a whole number from 1 to 3, got 4", 4, "kept_outputs");
        refuses("models: must be a list with something in it", Jobs.list(), "models");
        refuses("models[0]: must be an object", 1, "models", 0);
        refuses("models[1].sha256: must be 64 hex", "/system", "models", 1, "sha256");
        refuses("models[0].file: must be ", "other.tflite", "models", 0, "file");
        refuses("models[0].inputs_file: must be ", "../a.f32", "models", 0, "inputs_file");
        refuses("models[0].requested: must be one of [cpu, gpu], got \"npu\"", "npu", "models", 0, "requested");
        refuses("models[0].arithmetic: must be null", "fp16", "models", 0, "arithmetic");
        refuses("models[1].arithmetic: must be one of [fp32, fp16], got null", null, "models", 1, "arithmetic");
        refuses("models[0].total_ops: must be", 0, "models", 0, "total_ops");
        refuses("models[0].macs: must be a whole number of at least 0, got -5", -5, "models", 0, "macs");
        refuses("models[0].title: must be a string", null, "models", 0, "title");
        refuses("models[0].repetitions[1]: must be a whole number from 0 to 1, got 2", Jobs.list(0, 2), "models", 0,
                "repetitions");
        refuses("models[0].repetitions: must be ascending", Jobs.list(1, 0), "models", 0, "repetitions");
        refuses("models[0].repetitions: must be ascending", Jobs.list(1, 1), "models", 0, "repetitions");
        refuses("models[0].repetitions: must be a list with", Jobs.list(), "models", 0, "repetitions");
        refuses("models[0].inputs[0].shape[1]: must be a whole number from 1", Jobs.list(1, -1), "models", 0, "inputs", 0,
                "shape");
        refuses("models[0].outputs[0].shape: must be a shape of at most", Jobs.list(100000, 100000, 100000), "models", 0,
                "outputs", 0, "shape");
        refuses("kept_outputs: must be at most 0, of which the outputs of A.tflite fit", Jobs.list(1, 20000000), "models",
                0, "outputs", 0, "shape");
        refuses("models[1].sha256: must be another one: this artifact is there twice for gpu", Jobs.at(job, "models", 1),
                "models", 0);
        refuses("protocol.more: no such field is known", 1, "protocol", "more");
    }

    @Test
    public void everyFieldMustBeThere() throws Exception {
        removeEach(job, "");
    }

    @Test
    public void aTruncatedJobIsRefused() {
        String text = Json.write(job);
        for (int length = 0; length < text.length(); length++) {
            refusesText(text.substring(0, length), "the job: is no JSON: character ");
        }
        refusesText("[]", "the job: must be an object");
    }

    @Test
    public void theRunIsKnownWhereTheJobIsBad() {
        Jobs.put(job, 0, "protocol", "threads");
        assertEquals(Jobs.RUN_ID, Job.runId(Json.write(job)));
        assertNull(Job.runId("{\"run_id\": \"../0123456789ab\"}"));
        assertNull(Job.runId("{}"));
        assertNull(Job.runId("{"));
    }

    /** Takes every key of every object away, one at a time. */
    private void removeEach(Object value, String path) throws Exception {
        if (value instanceof List) {
            int i = 0;
            for (Object item : (List<?>) value) {
                removeEach(item, path + "[" + i++ + "]");
            }
        } else if (value instanceof Map) {
            @SuppressWarnings("unchecked")
            Map<String, Object> object = (Map<String, Object>) value;
            for (String key : new ArrayList<String>(object.keySet())) {
                String name = path.isEmpty() ? key : path + "." + key;
                Object held = object.remove(key);
                refusesText(Json.write(job), name + ": is missing");
                object.put(key, held);
                removeEach(held, name);
            }
        }
    }

    private void refuses(String message, Object value, Object... path) {
        Object last = path[path.length - 1];
        boolean there = last instanceof Integer || ((Map<?, ?>) Jobs.at(job, parent(path))).containsKey(last);
        Object before = there ? Jobs.at(job, path) : null;
        Jobs.put(job, value, path);
        refusesText(Json.write(job), message);
        if (there) {
            Jobs.put(job, before, path);
        } else {
            ((Map<?, ?>) Jobs.at(job, parent(path))).remove(last);
        }
    }

    private static Object[] parent(Object[] path) {
        return Arrays.copyOf(path, path.length - 1);
    }

    private static void refusesText(String text, String message) {
        try {
            Job.read(text);
            fail("accepted; expected: " + message);
        } catch (JobException error) {
            assertTrue(error.getMessage() + "\nexpected: " + message, error.getMessage().startsWith(message));
        }
    }
}
