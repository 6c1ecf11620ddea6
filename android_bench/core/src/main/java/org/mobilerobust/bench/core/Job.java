package org.mobilerobust.bench.core;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/** What the host asks this phone to measure: {@code job.json}, every field of it checked. */
public final class Job {
    private static final Pattern RUN_ID = Pattern.compile("[0-9a-f]{16}");

    /** Of the outputs that are kept of one model; the memory of an app is small. */
    private static final long MOST_KEPT_BYTES = 64L << 20;

    /** Also the name of the folder of what is measured. */
    public final String runId;
    public final List<Model> models = new ArrayList<Model>();
    final Protocol protocol;
    /** The protocol as it came, to be copied into the result. */
    final Object protocolAsGiven;
    /** Android's thermal status above which no repetition is begun. */
    final int maxThermalStatus;
    final double thermalWaitSeconds;
    /** For so many first inputs the outputs are kept. */
    final int keptOutputs;
    /** For so many first inputs they are part of the result as well, */
    final int inlineOutputs;
    /** where all outputs for one input have at most so many values. */
    final int inlineValues;

    private Job(Fields fields, Map<?, ?> document) throws JobException {
        fields.integer("schema_version", 1, 1);
        runId = fields.matching("run_id", RUN_ID, "16 hexadecimal digits");
        protocol = new Protocol(fields.object("protocol"));
        protocolAsGiven = document.get("protocol");
        maxThermalStatus = fields.integer("max_thermal_status", 0, 6);
        thermalWaitSeconds = fields.seconds("thermal_wait_seconds");
        keptOutputs = fields.integer("kept_outputs", 1, protocol.count);
        inlineOutputs = fields.integer("inline_outputs", 0, Integer.MAX_VALUE);
        inlineValues = fields.integer("inline_values", 0, Integer.MAX_VALUE);
        Set<String> there = new HashSet<String>();
        for (Fields described : fields.objects("models")) {
            Model model = new Model(described, protocol.repetitions);
            if (!there.add(model.sha256 + model.requested())) {
                throw described.wrong("sha256", "another one: this artifact is there twice for " + model.requested());
            }
            if (keptOutputs * model.outputBytes() > MOST_KEPT_BYTES) {
                throw fields.wrong("kept_outputs", "at most " + MOST_KEPT_BYTES / model.outputBytes()
                        + ", of which the outputs of " + model.artifact + " fit in memory");
            }
            models.add(model);
        }
        fields.end();
    }

    /** The job that a text describes. */
    public static Job read(String text) throws JobException {
        Object document = document(text);
        return new Job(new Fields("", document), (Map<?, ?>) document);
    }

    /** The run's id in a text that may be no job otherwise, so that the host can be told; null: it has none. */
    public static String runId(String text) {
        try {
            return new Fields("", document(text)).matching("run_id", RUN_ID, "");
        } catch (JobException none) {
            return null;
        }
    }

    /** How many repetitions are to be measured, of all models. */
    int total() {
        int total = 0;
        for (Model model : models) {
            total += model.repetitions.length;
        }
        return total;
    }

    private static Object document(String text) throws JobException {
        try {
            return Json.read(text);
        } catch (Json.JsonException error) {
            throw new JobException("the job: is no JSON: " + error.getMessage());
        }
    }
}
