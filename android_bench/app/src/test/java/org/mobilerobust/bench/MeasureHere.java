package org.mobilerobust.bench;

import java.io.File;
import java.util.Map;
import org.mobilerobust.bench.core.Bench;
import org.mobilerobust.bench.core.Engine;
import org.mobilerobust.bench.core.FakeDevice;
import org.mobilerobust.bench.core.FileStore;
import org.mobilerobust.bench.core.Job;
import org.mobilerobust.bench.core.LinuxDevice;
import org.mobilerobust.bench.core.Model;
import org.mobilerobust.bench.core.Opener;
import org.mobilerobust.bench.core.Progress;

/** Carries out {@code job.json} of a folder on this computer, with the runtime of the app, as the activity does. */
public final class MeasureHere {
    private MeasureHere() {}

    public static void main(String[] arguments) throws Exception {
        File files = new File(arguments[0]);
        Job job = Job.read(new String(FileStore.readAll(new File(files, "job.json")), "UTF-8"));
        FileStore store = new FileStore(new File(files, job.runId));
        Progress.Listener listener = new Progress.Listener() {
            @Override
            public void at(String step, String about, int done, int total) {
                System.out.println(done + " of " + total + ": " + step + ": " + about);
            }
        };
        System.out.println(Bench.run(job, files, store, new Computer(), new CountingOpener(), listener));
    }

    /** Says how many threads an artifact brings. */
    private static final class CountingOpener implements Opener {
        private final Opener opener = new TfLiteOpener();

        @Override
        public String version() {
            return opener.version();
        }

        @Override
        public Engine open(File artifact, Model model, int threads) {
            int before = threads();
            Engine engine = opener.open(artifact, model, threads);
            System.out.println(model.describe() + " brings " + (threads() - before) + " threads");
            return engine;
        }

        private static int threads() {
            return new File("/proc/self/task").list().length;
        }
    }

    private static final class Computer extends LinuxDevice {
        @Override
        public Map<String, Object> app() {
            return new FakeDevice().app();
        }

        @Override
        public Map<String, Object> describe() {
            Map<String, Object> described = new FakeDevice().describe();
            described.put("cpus", linux.cpus());
            described.put("memory_bytes", linux.memoryBytes());
            return described;
        }

        @Override
        public Map<String, Object> state() {
            Map<String, Object> state = new FakeDevice().state();
            state.put("temperatures_mc", linux.temperatures());
            state.put("cpu_khz", linux.frequencies());
            state.put("load", linux.load());
            return state;
        }

        @Override
        public Integer thermalStatus() {
            return null;
        }

        @Override
        public boolean inFront() {
            return true;
        }

        @Override
        public void sleep(long milliseconds) {
            try {
                Thread.sleep(milliseconds);
            } catch (InterruptedException error) {
                throw new IllegalStateException(error);
            }
        }
    }
}
