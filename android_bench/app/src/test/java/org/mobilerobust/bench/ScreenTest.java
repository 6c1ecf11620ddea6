package org.mobilerobust.bench;

import static org.junit.Assume.assumeTrue;

import android.graphics.Bitmap;
import android.graphics.Canvas;
import android.os.PowerManager;
import android.view.View;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import org.junit.BeforeClass;
import org.junit.Rule;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.mobilerobust.bench.core.Jobs;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.annotation.Config;

/** Draws the screen by Android's own code into the folder of the property "out"; tests of the host look at it there. */
@RunWith(RobolectricTestRunner.class)
@Config(sdk = 34, qualifiers = "w360dp-h780dp-xxhdpi")
public class ScreenTest {
    @Rule
    public final TestedApp app = new TestedApp();

    @BeforeClass
    public static void whereItCanBeDrawn() {
        assumeTrue("NATIVE".equals(System.getProperty("robolectric.graphicsMode")));
        assumeTrue(System.getProperty("out") != null);
    }

    @Test
    public void light() throws Exception {
        Gate gate = app.gateAt("run A 25"); // in the fourth repetition's warm-up
        beginLongJob();
        gate.reached();
        draw("light.png");
        gate.open();
    }

    @Test
    @Config(qualifiers = "+night")
    public void night() throws Exception {
        Gate repeating = app.gateAt("run A 25");
        beginLongJob();
        repeating.reached();
        TestedApp.heat(PowerManager.THERMAL_STATUS_SEVERE);
        Gate waiting = app.gateAtStep("waiting");
        repeating.open();
        waiting.reached();
        draw("night.png");
        TestedApp.heat(PowerManager.THERMAL_STATUS_NONE);
        waiting.open();
    }

    private void beginLongJob() throws IOException {
        Jobs.put(app.job, 10, "protocol", "repetitions");
        Jobs.put(app.job, Jobs.list(0, 1, 2, 3, 4, 5, 6, 7, 8, 9), "models", 0, "repetitions");
        Jobs.put(app.job, "afd_resnet50_int8.tflite", "models", 0, "artifact");
        app.begin();
    }

    private void draw(String name) throws IOException {
        View window = app.controller.get().getWindow().getDecorView();
        Bitmap picture = Bitmap.createBitmap(window.getWidth(), window.getHeight(), Bitmap.Config.ARGB_8888);
        window.draw(new Canvas(picture));
        FileOutputStream out = new FileOutputStream(new File(System.getProperty("out"), name));
        picture.compress(Bitmap.CompressFormat.PNG, 100, out);
        out.close();
    }
}
