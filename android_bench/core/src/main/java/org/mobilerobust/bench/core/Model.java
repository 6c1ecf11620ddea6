package org.mobilerobust.bench.core;

import java.util.List;
import java.util.regex.Pattern;

/** One artifact on one accelerator, as the job describes it. */
public final class Model {
    static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");
    /** More are no test set that a phone measures in a day. */
    static final int MOST_REPETITIONS = 100000;

    public final String name;
    public final String title;
    public final String label; // null: none
    /** The file's name on the host. */
    public final String artifact;
    public final String sha256;
    public final String precision;
    public final Long macs;
    public final Long parameters;
    /** The file's name here. */
    public final String file;
    /** Operations in the file. */
    public final int totalOps;
    /** Whether the GPU was asked for, else the CPU. */
    public final boolean gpu;
    /** What the GPU computes in, fp32 or fp16; null on the CPU: as the file says. */
    public final String arithmetic;
    /** In the order of the test set's file. */
    public final List<Tensor> inputs;
    /** In the order in which they are hashed. */
    public final List<Tensor> outputs;
    /** The test set's file here. */
    public final String inputsFile;
    public final String inputsSha256;
    /** Indices of the repetitions that are still to be measured, ascending. */
    public final int[] repetitions;

    Model(Fields fields, int allRepetitions) throws JobException {
        name = fields.string("name");
        title = fields.string("title");
        label = fields.stringOrNull("label");
        artifact = fields.string("artifact");
        sha256 = fields.matching("sha256", SHA256, "64 hexadecimal digits");
        precision = fields.string("precision");
        macs = fields.longOrNull("macs");
        parameters = fields.longOrNull("parameters");
        file = fields.oneOf("file", sha256 + ".tflite");
        totalOps = fields.integer("total_ops", 1, Integer.MAX_VALUE);
        gpu = fields.oneOf("requested", "cpu", "gpu").equals("gpu");
        if (gpu) {
            arithmetic = fields.oneOf("arithmetic", "fp32", "fp16");
        } else {
            fields.isNull("arithmetic");
            arithmetic = null;
        }
        inputs = Tensor.list(fields, "inputs");
        outputs = Tensor.list(fields, "outputs");
        inputsSha256 = fields.matching("inputs_sha256", SHA256, "64 hexadecimal digits");
        inputsFile = fields.oneOf("inputs_file", inputsSha256 + ".f32");
        repetitions = fields.integers("repetitions", 0, allRepetitions - 1);
        if (repetitions.length == 0) {
            throw fields.wrong("repetitions", "a list with something in it");
        }
        for (int i = 1; i < repetitions.length; i++) {
            if (repetitions[i] <= repetitions[i - 1]) {
                throw fields.wrong("repetitions", "ascending");
            }
        }
        fields.end();
    }

    /** For people. */
    public String describe() {
        return artifact + (gpu ? " on the GPU" : " on the CPU");
    }

    /** As the result calls it. */
    public String requested() {
        return gpu ? "gpu" : "cpu";
    }

    /** As the result calls what executes it here. */
    public String runtime() {
        return gpu ? "tflite_gpu" : "tflite_cpu";
    }

    /** Bytes of one input of the test set. */
    long inputBytes() {
        return bytes(inputs);
    }

    /** Bytes of the outputs for one input. */
    long outputBytes() {
        return bytes(outputs);
    }

    private static long bytes(List<Tensor> tensors) {
        long bytes = 0;
        for (Tensor tensor : tensors) {
            bytes += 4L * tensor.size;
        }
        return bytes;
    }
}
