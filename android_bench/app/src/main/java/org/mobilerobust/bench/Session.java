package org.mobilerobust.bench;

import android.content.Context;
import android.util.Log;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;
import org.mobilerobust.bench.core.Bench;
import org.mobilerobust.bench.core.FileStore;
import org.mobilerobust.bench.core.Job;
import org.mobilerobust.bench.core.JobException;
import org.mobilerobust.bench.core.Opener;
import org.mobilerobust.bench.core.Progress;

/**
 * Carries out jobs in a thread of its own, one at a time: two would measure each other.
 *
 * <p>There is one in a process, whatever becomes of the activity.
 */
final class Session implements Progress.Listener {
    private static final String TAG = "mobile-robust";
    private static final Pattern JOB_FILE = Pattern.compile("[A-Za-z0-9_]{1,64}\\.json");

    private static Session ofProcess;

    private final File files;
    private final AndroidDevice device;
    private final Opener opener;
    private Progress.Listener screen; // null: none is there
    private String step = "Waiting for a job"; // these four: what was said last
    private String about = "";
    private int done;
    private int total;
    private Thread thread; // null: nothing is measured
    private String runId; // of what is measured

    Session(Context context, Opener opener) {
        files = context.getFilesDir();
        device = new AndroidDevice(context.getApplicationContext());
        this.opener = opener;
    }

    static synchronized Session ofProcess(Context context) {
        if (ofProcess == null) {
            ofProcess = new Session(context, new TfLiteOpener());
        }
        return ofProcess;
    }

    /** For tests, which have another runtime. */
    static synchronized void setOfProcess(Session session) {
        ofProcess = session;
    }

    /** The screen is told at once, and from now on. */
    synchronized void show(Progress.Listener screen) {
        this.screen = screen;
        screen.at(step, about, done, total);
    }

    /** Unless another screen is there by now. */
    synchronized void hide(Progress.Listener screen) {
        if (this.screen == screen) {
            this.screen = null;
        }
    }

    void setInFront(boolean inFront) {
        device.setInFront(inFront);
    }

    /** Begins the job of a file beside the artifacts, unless it is that which is measured now. */
    synchronized void start(String jobFile) {
        String text;
        try {
            if (jobFile == null || !JOB_FILE.matcher(jobFile).matches()) {
                throw new IOException("none was given; the host starts this app with --es job job.json");
            }
            text = new String(FileStore.readAll(new File(files, jobFile)), StandardCharsets.UTF_8);
        } catch (IOException error) {
            if (thread == null) {
                say("No job", error.getMessage());
            }
            return;
        }
        String given = Job.runId(text);
        if (thread != null) {
            if (!runId.equals(given)) {
                refuse(given, "run " + runId + " is being measured; stop it first");
            }
            return;
        }
        try {
            begin(Job.read(text));
        } catch (JobException error) {
            say("Bad job", error.getMessage());
            refuse(given, error.getMessage());
        }
    }

    /** Waits until nothing is measured. */
    void join() throws InterruptedException {
        Thread running;
        synchronized (this) {
            running = thread;
        }
        if (running != null) {
            running.join();
        }
    }

    @Override
    public synchronized void at(String step, String about, int done, int total) {
        this.step = step;
        this.about = about;
        this.done = done;
        this.total = total;
        if (screen != null) {
            screen.at(step, about, done, total);
        }
    }

    private void begin(final Job job) {
        runId = job.runId;
        thread = new Thread("measuring") {
            @Override
            public void run() {
                String[] last = measure(job);
                synchronized (Session.this) {
                    thread = null;
                }
                say(last[0], last[1]);
            }
        };
        thread.start();
    }

    /** What is to be said when it is over, and details. */
    private String[] measure(Job job) {
        try {
            FileStore store = new FileStore(new File(files, job.runId));
            if (store.has(Bench.DONE)) {
                return new String[] {"This run has ended", "Start another one for what is missing."};
            }
            String wrong = Bench.run(job, files, store, device, opener, this);
            if (wrong.isEmpty()) {
                return new String[] {"Done", "The result is written; the computer fetches it."};
            }
            return new String[] {"Stopped", wrong};
        } catch (IOException error) {
            return new String[] {"Stopped", error.getMessage()};
        }
    }

    /** Tells the host that its job is not carried out, where the job has a run to look for the answer in. */
    private void refuse(String refused, String why) {
        if (refused == null) {
            return;
        }
        try {
            FileStore store = new FileStore(new File(files, refused));
            if (!store.has(Bench.DONE)) {
                Bench.done(store, why);
            }
        } catch (IOException error) {
            Log.e(TAG, "cannot answer the host", error);
        }
    }

    private void say(String text, String details) {
        Log.i(TAG, text + ": " + details);
        at(text, details, 0, 0);
    }
}
