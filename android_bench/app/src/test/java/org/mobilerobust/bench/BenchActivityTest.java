package org.mobilerobust.bench;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import android.content.Intent;
import android.content.res.Configuration;
import android.os.BatteryManager;
import android.os.Looper;
import android.os.PowerManager;
import android.view.View;
import android.view.ViewGroup;
import android.view.WindowManager;
import android.widget.TextView;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.After;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.mobilerobust.bench.core.FakeDevice;
import org.mobilerobust.bench.core.FakeOpener;
import org.mobilerobust.bench.core.FileStore;
import org.mobilerobust.bench.core.Jobs;
import org.mobilerobust.bench.core.Json;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.Shadows;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.annotation.Config;

@RunWith(RobolectricTestRunner.class)
@Config(sdk = 34)
public class BenchActivityTest {
    private static final String OTHER_RUN = "ffffffffffffffff";

    private final FakeOpener opener = new FakeOpener(new FakeDevice());
    private final File files = RuntimeEnvironment.getApplication().getFilesDir();
    private ActivityController<BenchActivity> controller;
    private Session session;
    private Map<String, Object> job;

    @Before
    public void oneModelAndAPhoneThatTellsAll() throws Exception {
        session = new Session(RuntimeEnvironment.getApplication(), opener);
        Session.setOfProcess(session);
        job = Jobs.of(files, Jobs.model(files, "A", false));
        Jobs.put(job, 0.0, "protocol", "cool_down_seconds");
        Jobs.put(job, 0.0, "protocol", "warm_up_seconds");
        PowerManager power = RuntimeEnvironment.getApplication().getSystemService(PowerManager.class);
        Shadows.shadowOf(power).setCurrentThermalStatus(PowerManager.THERMAL_STATUS_LIGHT);
        RuntimeEnvironment.getApplication().sendStickyBroadcast(new Intent(Intent.ACTION_BATTERY_CHANGED)
                .putExtra(BatteryManager.EXTRA_LEVEL, 40)
                .putExtra(BatteryManager.EXTRA_SCALE, 50)
                .putExtra(BatteryManager.EXTRA_TEMPERATURE, 295)
                .putExtra(BatteryManager.EXTRA_STATUS, BatteryManager.BATTERY_STATUS_CHARGING));
    }

    @After
    public void end() throws Exception {
        session.join();
        Session.setOfProcess(null);
    }

    @Test
    public void aJobIsMeasuredAndTheScreenSaysSo() throws Exception {
        start(job);
        assertTrue(shown(), shown().contains("Done"));
        assertEquals("complete", Jobs.at(read(Jobs.RUN_ID, "done.json"), "reason"));
        Object result = read(Jobs.RUN_ID, "result.json");
        assertEquals(2, ((List<?>) Jobs.at(result, "runs", 0, "repetitions")).size());
        Object state = Jobs.at(result, "runs", 0, "repetitions", 0, "state_before");
        assertEquals(1L, Jobs.at(state, "thermal_status"));
        assertEquals(80L, Jobs.at(state, "battery_percent"));
        assertEquals(29500L, Jobs.at(state, "battery_mc"));
        assertEquals(true, Jobs.at(state, "charging"));
        assertTrue(Jobs.at(result, "device", "os").toString().startsWith("Android 14 (API 34"));
        assertEquals("android", Jobs.at(result, "app", "platform"));
        String out = System.getProperty("out");
        if (out != null) {
            new FileStore(new File(out)).write("result_of_the_app.json", bytes(new File(files, Jobs.RUN_ID), "result.json"));
        }
    }

    @Test
    public void theScreenStaysOnAndShowsWhatRuns() throws Exception {
        Gate gate = new Gate();
        opener.hooks.put("run A 5", gate); // in the first repetition's warm-up
        begin(job);
        gate.reached();
        assertTrue(shown(), shown().contains("repetition 1 of 2: A.tflite on the CPU"));
        assertTrue(shown(), shown().contains("0 of 2 repetitions"));
        int flags = controller.get().getWindow().getAttributes().flags;
        assertTrue((flags & WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON) != 0);
        gate.open();
        session.join();
    }

    @Test
    public void aSecondStartOfTheSameRunChangesNothing() throws Exception {
        Gate gate = new Gate();
        opener.hooks.put("run A 5", gate);
        begin(job);
        gate.reached();
        controller.newIntent(intent());
        controller.newIntent(intent());
        gate.open();
        session.join();
        controller.newIntent(intent()); // and none after its end
        session.join();
        Object result = read(Jobs.RUN_ID, "result.json");
        assertEquals(2, ((List<?>) Jobs.at(result, "runs", 0, "repetitions")).size());
        assertEquals("complete", Jobs.at(read(Jobs.RUN_ID, "done.json"), "reason"));
        Shadows.shadowOf(Looper.getMainLooper()).idle();
        assertTrue(shown(), shown().contains("This run is done"));
    }

    @Test
    public void anotherRunIsRefusedWhileOneIsMeasured() throws Exception {
        Gate gate = new Gate();
        opener.hooks.put("run A 5", gate);
        begin(job);
        gate.reached();
        job.put("run_id", OTHER_RUN);
        write(Json.write(job));
        controller.newIntent(intent());
        assertEquals("error", Jobs.at(read(OTHER_RUN, "done.json"), "reason"));
        assertTrue(((String) Jobs.at(read(OTHER_RUN, "done.json"), "message")).contains("is being measured"));
        gate.open();
        session.join();
        assertEquals("complete", Jobs.at(read(Jobs.RUN_ID, "done.json"), "reason"));
        assertFalse(new File(new File(files, OTHER_RUN), "result.json").exists());
    }

    @Test
    public void aNewActivityShowsTheRunThatGoesOn() throws Exception {
        Gate gate = new Gate();
        opener.hooks.put("run A 5", gate);
        begin(job);
        gate.reached();
        controller.recreate();
        gate.open();
        session.join();
        Shadows.shadowOf(Looper.getMainLooper()).idle();
        assertTrue(shown(), shown().contains("Done"));
        assertEquals("complete", Jobs.at(read(Jobs.RUN_ID, "done.json"), "reason"));
    }

    @Test
    public void anAppThatIsSentAwayStops() throws Exception {
        Gate gate = new Gate();
        opener.hooks.put("run A 5", gate);
        begin(job);
        gate.reached();
        controller.pause().stop();
        gate.open();
        session.join();
        assertEquals("error", Jobs.at(read(Jobs.RUN_ID, "done.json"), "reason"));
        assertTrue(((String) Jobs.at(read(Jobs.RUN_ID, "done.json"), "message")).contains("left the front"));
    }

    @Test
    public void aBadJobIsRefusedAndTheHostIsTold() throws Exception {
        Jobs.put(job, 0, "protocol", "threads");
        start(job);
        assertTrue(shown(), shown().contains("Bad job: protocol.threads: must be a whole number from 1 to 64, got 0"));
        Object done = read(Jobs.RUN_ID, "done.json");
        assertEquals("error", Jobs.at(done, "reason"));
        assertTrue(((String) Jobs.at(done, "message")).contains("protocol.threads"));
        assertFalse(new File(new File(files, Jobs.RUN_ID), "result.json").exists());
    }

    @Test
    public void aTruncatedJobIsSaidOnTheScreen() throws Exception {
        write(Json.write(job).substring(0, 500));
        launch(intent());
        assertTrue(shown(), shown().contains("Bad job: the job: is no JSON"));
        assertFalse(new File(files, Jobs.RUN_ID).exists());
    }

    @Test
    public void aMissingJobAndAPathAreSaidOnTheScreen() {
        launch(intent());
        assertTrue(shown(), shown().contains("No job: "));
        controller.newIntent(new Intent());
        Shadows.shadowOf(Looper.getMainLooper()).idle();
        assertTrue(shown(), shown().contains("No job: none was given"));
        controller.newIntent(new Intent().putExtra(BenchActivity.JOB, "../../other/job.json"));
        Shadows.shadowOf(Looper.getMainLooper()).idle();
        assertTrue(shown(), shown().contains("No job: none was given"));
    }

    @Test
    @Config(qualifiers = "night")
    public void theColoursAreTheThemes() {
        launch(intent());
        int mode = controller.get().getResources().getConfiguration().uiMode & Configuration.UI_MODE_NIGHT_MASK;
        assertEquals(Configuration.UI_MODE_NIGHT_YES, mode);
        ViewGroup screen = screen();
        assertNull(screen.getBackground()); // so that the window's shows
    }

    private void start(Map<String, Object> job) throws Exception {
        begin(job);
        session.join();
        Shadows.shadowOf(Looper.getMainLooper()).idle();
    }

    private void begin(Map<String, Object> job) throws Exception {
        write(Json.write(job));
        launch(intent());
    }

    private void launch(Intent intent) {
        controller = Robolectric.buildActivity(BenchActivity.class, intent).setup();
        Shadows.shadowOf(Looper.getMainLooper()).idle();
    }

    private static Intent intent() {
        return new Intent().putExtra(BenchActivity.JOB, "job.json");
    }

    private ViewGroup screen() {
        return (ViewGroup) ((ViewGroup) controller.get().findViewById(android.R.id.content)).getChildAt(0);
    }

    /** All texts on the screen. */
    private String shown() {
        StringBuilder text = new StringBuilder();
        ViewGroup screen = screen();
        for (int i = 0; i < screen.getChildCount(); i++) {
            View child = screen.getChildAt(i);
            text.append(child instanceof TextView ? ((TextView) child).getText() + "\n" : "");
        }
        return text.toString();
    }

    private void write(String text) throws IOException {
        FileOutputStream out = new FileOutputStream(new File(files, "job.json"));
        out.write(text.getBytes("UTF-8"));
        out.close();
    }

    private Object read(String run, String name) throws Exception {
        return Json.read(new String(bytes(new File(files, run), name), "UTF-8"));
    }

    private static byte[] bytes(File folder, String name) throws IOException {
        return FileStore.readAll(new File(folder, name));
    }

    /** Holds the measuring thread where it is. */
    private static final class Gate implements Runnable {
        private final CountDownLatch reached = new CountDownLatch(1);
        private final CountDownLatch open = new CountDownLatch(1);

        @Override
        public void run() {
            reached.countDown();
            await(open);
        }

        void reached() {
            await(reached);
            Shadows.shadowOf(Looper.getMainLooper()).idle();
        }

        void open() {
            open.countDown();
        }

        private static void await(CountDownLatch latch) {
            try {
                if (!latch.await(60, TimeUnit.SECONDS)) {
                    throw new IllegalStateException("nobody came");
                }
            } catch (InterruptedException error) {
                throw new IllegalStateException(error);
            }
        }
    }
}
