package org.mobilerobust.bench;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import android.content.Intent;
import android.graphics.Insets;
import android.os.PowerManager;
import android.view.View;
import android.view.ViewGroup;
import android.view.WindowInsets;
import android.view.WindowManager;
import android.widget.ProgressBar;
import java.io.File;
import org.junit.Rule;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.mobilerobust.bench.core.FileStore;
import org.mobilerobust.bench.core.Jobs;
import org.mobilerobust.bench.core.Json;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.annotation.Config;

@RunWith(RobolectricTestRunner.class)
@Config(sdk = 34)
public class BenchActivityTest {
    private static final String OTHER_RUN = "ffffffffffffffff";
    private static final String HANDS_OFF = "Do not touch the phone";

    @Rule
    public final TestedApp app = new TestedApp();

    @Test
    public void aJobIsMeasured() throws Exception {
        app.begin();
        app.end();
        assertDone(Jobs.RUN_ID, "complete", "");
        assertEquals(2, app.measured());
        Object result = app.read(Jobs.RUN_ID, "result.json");
        Object state = Jobs.at(result, "runs", 0, "repetitions", 0, "state_before");
        assertEquals(1L, Jobs.at(state, "thermal_status"));
        assertEquals(80L, Jobs.at(state, "battery_percent"));
        assertEquals(29500L, Jobs.at(state, "battery_mc"));
        assertEquals(true, Jobs.at(state, "charging"));
        assertTrue(Jobs.at(result, "device", "os").toString().startsWith("Android 14 (API 34"));
        assertEquals("android", Jobs.at(result, "app", "platform"));
        String out = System.getProperty("out");
        if (out != null) {
            new FileStore(new File(out)).write("result_of_the_app.json", app.bytes(Jobs.RUN_ID, "result.json"));
        }
    }

    @Test
    public void theScreenSaysWhatRuns() throws Exception {
        Gate gate = app.gateAt("run A 13"); // in the second repetition's warm-up
        app.begin();
        gate.reached();
        assertShown("mobile-robust bench", "Repetition 2 of 2\n", "A.tflite on the CPU", "1 of 2 repetitions measured",
                HANDS_OFF);
        ProgressBar bar = find(TestedApp.content(app.controller.get()));
        assertEquals(View.VISIBLE, bar.getVisibility());
        assertEquals(0.5, (double) bar.getProgress() / bar.getMax(), 0);
        int flags = app.controller.get().getWindow().getAttributes().flags;
        assertTrue((flags & WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON) != 0);
        gate.open();
    }

    @Test
    public void theScreenSaysThatAHotPhoneHasToCoolDown() throws Exception {
        Gate loading = app.gateAt("run A 0");
        app.begin();
        loading.reached();
        assertShown("Loading\n", "A.tflite on the CPU", "0 of 2 repetitions measured", HANDS_OFF);
        TestedApp.heat(PowerManager.THERMAL_STATUS_SEVERE);
        Gate waiting = app.gateAtStep("waiting");
        loading.open();
        waiting.reached();
        assertShown("Waiting for the phone to cool down\n", "thermal status 3, at most 2",
                "0 of 2 repetitions measured", HANDS_OFF);
        TestedApp.heat(PowerManager.THERMAL_STATUS_MODERATE);
        waiting.open();
        app.end();
        assertShown("Done");
        assertEquals(2, app.measured());
    }

    @Test
    public void theScreenSaysThatItIsDone() throws Exception {
        app.begin();
        app.end();
        assertShown("Done", "The result is written; the computer fetches it.");
        assertNothingRuns();
    }

    @Test
    public void theScreenSaysWhyItStopped() throws Exception {
        TestedApp.heat(PowerManager.THERMAL_STATUS_EMERGENCY);
        Jobs.put(app.job, 0.0, "thermal_wait_seconds");
        app.begin();
        app.end();
        String wrong = "phone too hot: thermal status 5 after 0.0 s of waiting, at most 2 is allowed";
        assertShown("Stopped", wrong);
        assertNothingRuns();
        assertDone(Jobs.RUN_ID, "error", wrong);
        assertEquals(0, app.measured());
    }

    @Test
    public void theTextKeepsOffTheBarsAndTheCamera() {
        app.launch();
        ViewGroup screen = (ViewGroup) TestedApp.content(app.controller.get()).getChildAt(0);
        View column = screen.getChildAt(0);
        int left = column.getPaddingLeft();
        int top = column.getPaddingTop();
        assertTrue(left > 0 && top > 0);
        screen.dispatchApplyWindowInsets(
                new WindowInsets.Builder().setSystemWindowInsets(Insets.of(0, 200, 0, 100)).build());
        assertEquals(left, column.getPaddingLeft());
        assertEquals(top + 200, column.getPaddingTop());
    }

    @Test
    public void aSecondStartOfTheSameRunChangesNothing() throws Exception {
        Gate gate = app.gateAt("run A 5");
        app.begin();
        gate.reached();
        app.controller.newIntent(TestedApp.intent());
        app.controller.newIntent(TestedApp.intent());
        gate.open();
        app.end();
        app.controller.newIntent(TestedApp.intent()); // and none after its end
        app.end();
        assertEquals(2, app.measured());
        assertDone(Jobs.RUN_ID, "complete", "");
        assertShown("This run has ended");
    }

    @Test
    public void anotherRunIsRefusedWhileOneIsMeasured() throws Exception {
        Gate gate = app.gateAt("run A 5");
        app.begin();
        gate.reached();
        app.job.put("run_id", OTHER_RUN);
        app.write(Json.write(app.job));
        app.controller.newIntent(TestedApp.intent());
        assertDone(OTHER_RUN, "error", "is being measured");
        TestedApp.idle();
        assertShown("Repetition 1 of 2\n");
        gate.open();
        app.end();
        assertDone(Jobs.RUN_ID, "complete", "");
        assertFalse(new File(new File(app.files, OTHER_RUN), "result.json").exists());
    }

    @Test
    public void aNewActivityShowsTheRunThatGoesOn() throws Exception {
        Gate gate = app.gateAt("run A 5");
        app.begin();
        gate.reached();
        app.controller.recreate();
        TestedApp.idle();
        assertShown("Repetition 1 of 2\n", "A.tflite on the CPU", "0 of 2 repetitions measured");
        gate.open();
        app.end();
        assertShown("Done");
        assertDone(Jobs.RUN_ID, "complete", "");
    }

    @Test
    public void anAppThatIsSentAwayStops() throws Exception {
        Gate gate = app.gateAt("run A 5");
        app.begin();
        gate.reached();
        app.controller.pause().stop();
        gate.open();
        app.end();
        assertDone(Jobs.RUN_ID, "error", "left the front");
    }

    @Test
    public void aBadJobIsRefusedAndTheHostIsTold() throws Exception {
        Jobs.put(app.job, 0, "protocol", "threads");
        app.begin();
        String wrong = "protocol.threads: must be a whole number from 1 to 64, got 0";
        assertShown("Bad job", wrong);
        assertNothingRuns();
        assertDone(Jobs.RUN_ID, "error", wrong);
        assertFalse(new File(new File(app.files, Jobs.RUN_ID), "result.json").exists());
    }

    @Test
    public void aTruncatedJobIsSaidOnTheScreen() throws Exception {
        app.write(Json.write(app.job).substring(0, 500));
        app.launch();
        assertShown("Bad job", "the job: is no JSON");
        assertFalse(new File(app.files, Jobs.RUN_ID).exists());
    }

    @Test
    public void aMissingJobAndAPathAreSaidOnTheScreen() {
        app.launch();
        assertShown("No job", "job.json");
        for (Intent intent : new Intent[] {
            new Intent(), new Intent().putExtra(BenchActivity.JOB, "../../other/job.json")
        }) {
            app.session.at("something else", "", 0, 0);
            app.controller.newIntent(intent);
            TestedApp.idle();
            assertShown("No job", "none was given; the host starts this app with --es job job.json");
        }
    }

    /** The screen shows some texts, in their order. */
    private void assertShown(String... texts) {
        String shown = app.shown();
        int at = 0;
        for (String text : texts) {
            at = shown.indexOf(text, at);
            assertTrue("not where it should be: " + text + "\nthe screen shows:\n" + shown, at >= 0);
            at += text.length();
        }
    }

    private void assertNothingRuns() {
        assertFalse(app.shown(), app.shown().contains(HANDS_OFF) || app.shown().contains("repetitions measured"));
        assertTrue(find(TestedApp.content(app.controller.get())).getVisibility() != View.VISIBLE);
    }

    private void assertDone(String run, String reason, String message) throws Exception {
        Object done = app.read(run, "done.json");
        assertEquals(reason, Jobs.at(done, "reason"));
        String found = (String) Jobs.at(done, "message");
        assertTrue(found, message.isEmpty() ? found.isEmpty() : found.contains(message));
    }

    private static ProgressBar find(View view) {
        if (view instanceof ProgressBar) {
            return (ProgressBar) view;
        }
        ProgressBar found = null;
        for (int i = 0; view instanceof ViewGroup && found == null && i < ((ViewGroup) view).getChildCount(); i++) {
            found = find(((ViewGroup) view).getChildAt(i));
        }
        return found;
    }
}
