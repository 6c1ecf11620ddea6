package org.mobilerobust.bench.core;

import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Jobs for tests, with artifacts and test sets that are really there. */
public final class Jobs {
    public static final String RUN_ID = "0123456789abcdef";
    /** Inputs in the test set; input i holds the values i, i + 1, i + 2. */
    static final int COUNT = 3;

    private Jobs() {}

    /** A job of some models; writes their files into a folder. */
    public static Map<String, Object> of(File folder, Object... models) {
        return object(
                "schema_version", 1,
                "run_id", RUN_ID,
                "protocol", object(
                        "name", "mean-of-means",
                        "version", 1,
                        "sample", "inference",
                        "warm_up_seconds", 0.5,
                        "warm_up_runs", 4,
                        "repetitions", 2,
                        "threads", 4,
                        "pinned_cpus", null,
                        "cool_down_seconds", 2.0,
                        "interleaved", true,
                        "inputs", object("count", COUNT, "description", "three photos", "sha256", hex('a'))),
                "max_thermal_status", 2,
                "thermal_wait_seconds", 300.0,
                "kept_outputs", 2,
                "inline_outputs", 2,
                "inline_values", 4096,
                "models", new ArrayList<Object>(Arrays.asList(models)));
    }

    /** A model of the job whose artifact's content is its name. */
    public static Map<String, Object> model(File folder, String name, boolean gpu) throws IOException {
        byte[] artifact = name.getBytes("UTF-8");
        ByteBuffer inputs = ByteBuffer.allocate(4 * 3 * COUNT).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < COUNT; i++) {
            inputs.putFloat(i).putFloat(i + 1).putFloat(i + 2);
        }
        write(new File(folder, Digest.of(artifact) + ".tflite"), artifact);
        write(new File(folder, Digest.of(inputs.array()) + ".f32"), inputs.array());
        return object(
                "name", name,
                "title", "Größe ×2 \uD83D\uDCF7",
                "label", null,
                "artifact", name + ".tflite",
                "sha256", Digest.of(artifact),
                "precision", "fp32",
                "macs", 4000000000L,
                "parameters", null,
                "file", Digest.of(artifact) + ".tflite",
                "total_ops", 5,
                "requested", gpu ? "gpu" : "cpu",
                "arithmetic", gpu ? "fp16" : null,
                "inputs", list(object("name", "image", "shape", list(1, 3))),
                "outputs", list(object("name", "twice", "shape", list(1, 3))),
                "inputs_file", Digest.of(inputs.array()) + ".f32",
                "inputs_sha256", Digest.of(inputs.array()),
                "repetitions", list(0, 1));
    }

    public static List<Object> list(Object... items) {
        return new ArrayList<Object>(Arrays.asList(items));
    }

    static Map<String, Object> object(Object... keysAndValues) {
        Map<String, Object> found = new LinkedHashMap<String, Object>();
        for (int i = 0; i < keysAndValues.length; i += 2) {
            found.put((String) keysAndValues[i], keysAndValues[i + 1]);
        }
        return found;
    }

    /** What is at a path of keys and indices. */
    public static Object at(Object value, Object... path) {
        for (Object step : path) {
            value = step instanceof Integer ? ((List<?>) value).get((Integer) step) : ((Map<?, ?>) value).get(step);
        }
        return value;
    }

    /** Puts a value at a path. */
    @SuppressWarnings("unchecked")
    public static void put(Object document, Object value, Object... path) {
        Object parent = at(document, Arrays.copyOf(path, path.length - 1));
        Object last = path[path.length - 1];
        if (last instanceof Integer) {
            ((List<Object>) parent).set((Integer) last, value);
        } else {
            ((Map<String, Object>) parent).put((String) last, value);
        }
    }

    static String hex(char digit) {
        char[] digits = new char[64];
        Arrays.fill(digits, digit);
        return new String(digits);
    }

    private static void write(File file, byte[] content) throws IOException {
        FileOutputStream out = new FileOutputStream(file);
        try {
            out.write(content);
        } finally {
            out.close();
        }
    }
}
