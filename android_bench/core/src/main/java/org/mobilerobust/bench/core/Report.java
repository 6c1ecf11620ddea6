package org.mobilerobust.bench.core;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.text.SimpleDateFormat;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TimeZone;

/** The result so far: {@code result.json} of the result's schema, with one {@link RunRecord} a model of the job. */
final class Report {
    static final String NAME = "result.json";

    private final Store store;
    private final Map<String, Object> document = new LinkedHashMap<String, Object>();
    final List<RunRecord> runs = new ArrayList<RunRecord>();

    Report(Job job, Device device, String runtimeVersion, Store store) {
        this.store = store;
        document.put("schema_version", 1);
        document.put("created", utc(device.wallMillis()));
        document.put("app", device.app());
        document.put("device", device.describe());
        document.put("protocol", job.protocolAsGiven);
        for (Model model : job.models) {
            runs.add(new RunRecord(job, model, runtimeVersion));
        }
    }

    /** Writes it anew. {@code complete}: everything is measured or has an error that says why not. */
    void write(boolean complete) throws IOException {
        List<Object> described = new ArrayList<Object>();
        for (RunRecord run : runs) {
            described.add(run.fields);
        }
        document.put("runs", described);
        document.put("complete", complete);
        store.write(NAME, (Json.write(document) + "\n").getBytes(StandardCharsets.UTF_8));
    }

    /** ISO 8601, to the millisecond. */
    static String utc(long wallMillis) {
        SimpleDateFormat format =
                new SimpleDateFormat("yyyy-MM-dd'T'HH:mm:ss.SSS'+00:00'", Locale.ROOT);
        format.setTimeZone(TimeZone.getTimeZone("UTC"));
        return format.format(wallMillis);
    }
}
