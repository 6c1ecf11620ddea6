package org.mobilerobust.bench.core;

/** How it is measured; see the result's schema. */
final class Protocol {
    final double warmUpSeconds;
    final int warmUpRuns;
    final int repetitions;
    final int threads;
    final double coolDownSeconds;
    /** Inputs in the test set. */
    final int count;

    Protocol(Fields fields) throws JobException {
        fields.oneOf("name", "mean-of-means");
        fields.integer("version", 1, 1);
        fields.oneOf("sample", "inference");
        warmUpSeconds = fields.seconds("warm_up_seconds");
        warmUpRuns = fields.integer("warm_up_runs", 0, Integer.MAX_VALUE);
        repetitions = fields.integer("repetitions", 1, Model.MOST_REPETITIONS);
        threads = fields.integer("threads", 1, 64);
        fields.isNull("pinned_cpus"); // an app is moved between cores by its phone
        coolDownSeconds = fields.seconds("cool_down_seconds");
        fields.isTrue("interleaved");
        Fields inputs = fields.object("inputs");
        count = inputs.integer("count", 1, 1000000);
        inputs.string("description");
        inputs.matching("sha256", Model.SHA256, "64 hexadecimal digits");
        inputs.end();
        fields.end();
    }
}
