package org.mobilerobust.bench.core;

import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** {@code Run} of the result's schema: what is known of one model so far. */
final class RunRecord {
    final Map<String, Object> fields = new LinkedHashMap<String, Object>();
    private final Job job;
    private final List<Object> outputs = new ArrayList<Object>();
    private final List<Object> repetitions = new ArrayList<Object>();
    private final List<Object> errors = new ArrayList<Object>();

    RunRecord(Job job, Model model, String runtimeVersion) {
        this.job = job;
        fields.put("name", model.name);
        fields.put("title", model.title);
        fields.put("label", model.label);
        fields.put("artifact", model.artifact);
        fields.put("sha256", model.sha256);
        fields.put("precision", model.precision);
        fields.put("macs", model.macs);
        fields.put("parameters", model.parameters);
        Map<String, Object> runtime = new LinkedHashMap<String, Object>();
        runtime.put("name", model.runtime());
        runtime.put("version", runtimeVersion);
        fields.put("runtime", runtime);
        fields.put("requested", model.requested());
        fields.put("arithmetic", model.arithmetic);
        fields.put("outputs", outputs);
        fields.put("repetitions", repetitions);
        fields.put("errors", errors);
    }

    /** Where the runtime put the operations. */
    void placed(String accelerator, int totalOps, int placedOps) {
        Map<String, Object> placement = new LinkedHashMap<String, Object>();
        placement.put("accelerator", accelerator);
        placement.put("total_ops", totalOps);
        placement.put("placed_ops", placedOps);
        fields.put("actual", placement);
    }

    /** Memory in bytes, null: not known. */
    void loaded(long loadNs, long firstInferenceNs, Long baseline, Long peak) {
        fields.put("load_ns", loadNs);
        fields.put("first_inference_ns", firstInferenceNs);
        fields.put("baseline_memory_bytes", baseline);
        fields.put("peak_memory_bytes", peak);
    }

    void testSetDone(String inputsSha256, List<Object> outputsSha256) {
        fields.put("inputs_sha256", inputsSha256);
        fields.put("outputs_sha256", outputsSha256);
    }

    /** Takes in the outputs for an input as far as the job asks for them. */
    void output(int input, List<Tensor> tensors, ByteBuffer[] values) {
        int size = 0;
        for (Tensor tensor : tensors) {
            size += tensor.size;
        }
        if (input >= job.inlineOutputs || size > job.inlineValues) {
            return;
        }
        for (int i = 0; i < values.length; i++) {
            Map<String, Object> output = new LinkedHashMap<String, Object>();
            output.put("input", input);
            output.put("name", tensors.get(i).name);
            output.put("shape", tensors.get(i).dimensions());
            output.put("values", Base64.getEncoder().encodeToString(bytes(values[i])));
            outputs.add(output);
        }
    }

    void repetition(int index, String start, long[] samples, Object before, Object after) {
        List<Object> nanoseconds = new ArrayList<Object>();
        for (long sample : samples) {
            nanoseconds.add(sample);
        }
        Map<String, Object> repetition = new LinkedHashMap<String, Object>();
        repetition.put("index", index);
        repetition.put("start", start);
        repetition.put("samples_ns", nanoseconds);
        repetition.put("state_before", before);
        repetition.put("state_after", after);
        repetitions.add(repetition);
    }

    void error(String when, String where, String message) {
        Map<String, Object> error = new LinkedHashMap<String, Object>();
        error.put("when", when);
        error.put("where", where);
        error.put("message", message);
        errors.add(error);
    }

    /** A copy of all that a buffer holds. */
    static byte[] bytes(ByteBuffer buffer) {
        ByteBuffer all = buffer.duplicate();
        ((Buffer) all).clear();
        byte[] content = new byte[all.remaining()];
        all.get(content);
        return content;
    }
}
