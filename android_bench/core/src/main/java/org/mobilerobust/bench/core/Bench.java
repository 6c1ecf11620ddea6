package org.mobilerobust.bench.core;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Carries out a job: loads every model and runs the test set once, then measures one repetition of each after the
 * other, A B C A B C.
 *
 * <p>All models stay loaded, as on a host: to load one anew before every repetition would heat the phone, the GPU above
 * all, which compiles its programs then.
 */
public final class Bench {
    public static final String DONE = "done.json";

    private final Job job;
    private final File files;
    private final Store store;
    private final Device device;
    private final Opener opener;
    private final Progress progress;
    private final Report report;
    private final Loaded[] loaded;

    private Bench(Job job, File files, Store store, Device device, Opener opener, Progress.Listener listener) {
        this.job = job;
        this.files = files;
        this.store = store;
        this.device = device;
        this.opener = opener;
        this.progress = new Progress(store, device, listener, job.total());
        this.report = new Report(job, device, opener.version(), store);
        this.loaded = new Loaded[job.models.size()];
    }

    /**
     * Measures, and writes the done marker whatever happens.
     *
     * @param files where the artifacts and the test sets are
     * @param store the folder of the run
     * @return what the done marker says went wrong; empty: nothing
     * @throws IOException not even the done marker could be written
     */
    public static String run(
            Job job, File files, Store store, Device device, Opener opener, Progress.Listener listener)
            throws IOException {
        if (store.has(Report.NAME)) { // Android started the app again, after a crash: what it measured must stay
            return done(store, "this run was begun before and broke off; start another one for what is missing");
        }
        String wrong;
        try {
            wrong = new Bench(job, files, store, device, opener, listener).measure();
        } catch (IOException error) {
            store.release();
            wrong = error.getMessage();
        } catch (LeftFront error) {
            wrong = error.getMessage();
        } catch (RuntimeException error) {
            wrong = message(error);
        } catch (LinkageError error) {
            wrong = message(error);
        }
        return done(store, wrong);
    }

    /**
     * Writes the done marker. {@code wrong} is what went wrong; empty: nothing.
     *
     * <p>Its hash is that of the result; of no bytes at all where there is no result.
     */
    public static String done(Store store, String wrong) throws IOException {
        byte[] result = store.has(Report.NAME) ? store.read(Report.NAME) : new byte[0];
        Map<String, Object> document = new LinkedHashMap<String, Object>();
        document.put("result_sha256", Digest.of(result));
        document.put("reason", wrong.isEmpty() ? "complete" : "error");
        document.put("message", wrong);
        store.write(DONE, Json.write(document).getBytes(StandardCharsets.UTF_8));
        return wrong;
    }

    private String measure() throws IOException, LeftFront {
        try {
            report.write(false); // from now on the host finds one
            for (int k = 0; k < loaded.length; k++) {
                load(k);
            }
            String wrong = repeatAll();
            report.write(true);
            return wrong;
        } finally {
            for (int k = 0; k < loaded.length; k++) {
                close(k);
            }
        }
    }

    private String repeatAll() throws IOException, LeftFront {
        for (int index = 0; index < job.protocol.repetitions; index++) {
            for (int k = 0; k < loaded.length; k++) {
                if (loaded[k] == null || !isMissing(k, index)) {
                    continue;
                }
                if (!cooled(k)) {
                    return tooHot(index, k);
                }
                repeat(k, index);
            }
        }
        return "";
    }

    private void load(int k) throws IOException {
        Model model = job.models.get(k);
        RunRecord run = report.runs.get(k);
        progress.begin("loading", model.describe(), k);
        String where = "load";
        try {
            loaded[k] = new Loaded(model, job.protocol, files, device, progress);
            loaded[k].load(files, opener, run);
            where = "test set";
            progress.begin("running the test set", model.describe(), k);
            store.write("outputs_" + k + ".f32", loaded[k].computeOutputs(job.keptOutputs, run));
        } catch (RuntimeException error) {
            fail(k, where, error);
        } catch (LinkageError error) { // a native library that this phone cannot load
            fail(k, where, error);
        } catch (OutOfMemoryError error) {
            fail(k, where, error);
        }
    }

    /** Idle time, then what the job allows for the phone to cool down; false: it is still too hot. */
    private boolean cooled(int k) throws IOException {
        progress.begin("cooling down", "then " + job.models.get(k).describe(), k);
        progress.sleep(job.protocol.coolDownSeconds);
        long end = device.nanoTime() + (long) (job.thermalWaitSeconds * 1e9);
        while (isHot()) {
            if (device.nanoTime() >= end) {
                return false;
            }
            progress.begin(
                    "waiting for the phone to cool down",
                    "thermal status " + device.thermalStatus() + ", at most " + job.maxThermalStatus,
                    k);
            progress.sleep(1);
        }
        return true;
    }

    private void repeat(int k, int index) throws IOException, LeftFront {
        Model model = job.models.get(k);
        progress.begin("repetition " + (index + 1) + " of " + job.protocol.repetitions, model.describe(), k);
        try {
            LeftFront.check(device);
            Object before = device.state();
            loaded[k].warmUp();
            String start = Report.utc(device.wallMillis());
            long[] samples = loaded[k].samples();
            report.runs.get(k).repetition(index, start, samples, before, device.state());
        } catch (RuntimeException error) {
            fail(k, "repetition " + index, error);
            return;
        } catch (OutOfMemoryError error) {
            fail(k, "repetition " + index, error);
            return;
        }
        report.write(false);
        progress.repetition();
    }

    /** Puts an error in the place of every repetition that will not come, from {@code index} of {@code first} on. */
    private String tooHot(int index, int first) {
        String wrong = "phone too hot: thermal status " + device.thermalStatus() + " after " + job.thermalWaitSeconds
                + " s of waiting, at most " + job.maxThermalStatus + " is allowed";
        for (int k = 0; k < loaded.length; k++) {
            for (int i = k < first ? index + 1 : index; loaded[k] != null && i < job.protocol.repetitions; i++) {
                if (isMissing(k, i)) {
                    report.runs.get(k).error(Report.utc(device.wallMillis()), "repetition " + i, wrong);
                }
            }
        }
        return wrong;
    }

    /** A record in the place of the numbers that will not come; the other models go on. */
    private void fail(int k, String where, Throwable error) throws IOException {
        report.runs.get(k).error(Report.utc(device.wallMillis()), where, message(error));
        close(k);
        report.write(false);
    }

    private boolean isHot() {
        Integer status = device.thermalStatus();
        return status != null && status > job.maxThermalStatus;
    }

    /** Whether a repetition is asked for; each is asked for once. */
    private boolean isMissing(int k, int index) {
        for (int repetition : job.models.get(k).repetitions) {
            if (repetition == index) {
                return true;
            }
        }
        return false;
    }

    private void close(int k) {
        if (loaded[k] != null) {
            loaded[k].close();
            loaded[k] = null;
        }
    }

    private static String message(Throwable error) {
        String message = error.getMessage();
        return message == null || message.isEmpty() ? error.getClass().getSimpleName() : message.trim();
    }
}
