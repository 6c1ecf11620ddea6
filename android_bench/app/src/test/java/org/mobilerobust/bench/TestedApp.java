package org.mobilerobust.bench;

import android.app.Activity;
import android.content.Intent;
import android.os.BatteryManager;
import android.os.Looper;
import android.os.PowerManager;
import android.view.View;
import android.view.ViewGroup;
import android.widget.TextView;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.rules.ExternalResource;
import org.mobilerobust.bench.core.FakeDevice;
import org.mobilerobust.bench.core.FakeOpener;
import org.mobilerobust.bench.core.FileStore;
import org.mobilerobust.bench.core.Jobs;
import org.mobilerobust.bench.core.Json;
import org.mobilerobust.bench.core.Progress;
import org.robolectric.Robolectric;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.Shadows;
import org.robolectric.android.controller.ActivityController;

/** The app on a phone that tells all, with a runtime that is none and a job of one model. */
final class TestedApp extends ExternalResource {
    final FakeOpener opener = new FakeOpener(new FakeDevice());
    File files;
    Session session;
    ActivityController<BenchActivity> controller;
    Map<String, Object> job;

    @Override
    protected void before() throws IOException {
        files = RuntimeEnvironment.getApplication().getFilesDir();
        session = new Session(RuntimeEnvironment.getApplication(), opener);
        Session.setOfProcess(session);
        job = Jobs.of(files, Jobs.model(files, "A", false));
        Jobs.put(job, 0.0, "protocol", "cool_down_seconds");
        Jobs.put(job, 0.0, "protocol", "warm_up_seconds");
        heat(PowerManager.THERMAL_STATUS_LIGHT);
        RuntimeEnvironment.getApplication().sendStickyBroadcast(new Intent(Intent.ACTION_BATTERY_CHANGED)
                .putExtra(BatteryManager.EXTRA_LEVEL, 40)
                .putExtra(BatteryManager.EXTRA_SCALE, 50)
                .putExtra(BatteryManager.EXTRA_TEMPERATURE, 295)
                .putExtra(BatteryManager.EXTRA_STATUS, BatteryManager.BATTERY_STATUS_CHARGING));
    }

    @Override
    protected void after() {
        try {
            session.join();
        } catch (InterruptedException error) {
            throw new IllegalStateException(error);
        }
        Session.setOfProcess(null);
    }

    static void heat(int thermalStatus) {
        PowerManager power = RuntimeEnvironment.getApplication().getSystemService(PowerManager.class);
        Shadows.shadowOf(power).setCurrentThermalStatus(thermalStatus);
    }

    /** A gate at a call of the runtime, such as "run A 5". */
    Gate gateAt(String call) {
        Gate gate = new Gate();
        opener.hooks.put(call, gate);
        return gate;
    }

    /** A gate where the screen is told of a step; to be asked for when the activity is there. */
    Gate gateAtStep(final String beginning) {
        final Gate gate = new Gate();
        final Progress.Listener activity = controller.get();
        session.show(new Progress.Listener() {
            private boolean passed;

            @Override
            public void at(String step, String about, int done, int total) {
                activity.at(step, about, done, total);
                if (!passed && step.startsWith(beginning)) {
                    passed = true;
                    gate.run();
                }
            }
        });
        return gate;
    }

    /** Begins the job, as the host does. */
    void begin() throws IOException {
        write(Json.write(job));
        launch();
    }

    void launch() {
        controller = Robolectric.buildActivity(BenchActivity.class, intent()).setup();
        idle();
    }

    /** Waits until nothing is measured, and the screen says so. */
    void end() throws InterruptedException {
        session.join();
        idle();
    }

    static void idle() {
        Shadows.shadowOf(Looper.getMainLooper()).idle();
    }

    static Intent intent() {
        return new Intent().putExtra(BenchActivity.JOB, "job.json");
    }

    /** Writes the job's file. */
    void write(String text) throws IOException {
        FileOutputStream out = new FileOutputStream(new File(files, "job.json"));
        out.write(text.getBytes("UTF-8"));
        out.close();
    }

    /** A document that the app has written for a run. */
    Object read(String run, String name) throws Exception {
        return Json.read(new String(bytes(run, name), "UTF-8"));
    }

    byte[] bytes(String run, String name) throws IOException {
        return FileStore.readAll(new File(new File(files, run), name));
    }

    /** How many repetitions of the model the result has. */
    int measured() throws Exception {
        return ((List<?>) Jobs.at(read(Jobs.RUN_ID, "result.json"), "runs", 0, "repetitions")).size();
    }

    /** All texts that the screen shows, one a line. */
    String shown() {
        StringBuilder text = new StringBuilder();
        add(content(controller.get()), text);
        return text.toString();
    }

    static ViewGroup content(Activity activity) {
        return activity.findViewById(android.R.id.content);
    }

    private static void add(View view, StringBuilder text) {
        if (view.getVisibility() != View.VISIBLE) {
            return;
        }
        if (view instanceof TextView) {
            text.append(((TextView) view).getText()).append("\n");
        }
        for (int i = 0; view instanceof ViewGroup && i < ((ViewGroup) view).getChildCount(); i++) {
            add(((ViewGroup) view).getChildAt(i), text);
        }
    }
}
