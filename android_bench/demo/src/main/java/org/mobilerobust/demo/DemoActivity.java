package org.mobilerobust.demo;

import android.Manifest;
import android.app.Activity;
import android.content.pm.PackageManager;
import android.graphics.Bitmap;
import android.os.Bundle;
import android.os.Handler;
import android.os.HandlerThread;
import android.view.WindowManager;
import com.example.classifier.PhotoTensor;

/** What the camera sees, and what the network says of it, with the module or without. */
public final class DemoActivity extends Activity implements Camera.Listener {
    /** Of the tensor's sides: a frame is not much larger than what the network takes. */
    private static final double MARGIN = 1.25;

    private DemoScreen screen;
    private HandlerThread thread;
    private Handler worker;
    private Camera camera;
    private Models models;

    @Override
    protected void onCreate(Bundle state) {
        super.onCreate(state);
        getWindow().addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON);
        screen = new DemoScreen(this);
        setContentView(screen);
        if (state == null && !mayLook()) {
            requestPermissions(new String[] {Manifest.permission.CAMERA}, 0);
        }
    }

    /** Also after the question for the permission has been answered. */
    @Override
    protected void onResume() {
        super.onResume();
        if (!mayLook()) {
            screen.say("This app needs the camera. Nothing that it sees is kept or sent.");
            return;
        }
        thread = new HandlerThread("camera and network");
        thread.start();
        worker = new Handler(thread.getLooper());
        camera = new Camera(this, worker, displayDegrees(), this);
        worker.post(new Runnable() {
            @Override
            public void run() {
                models = Models.open(DemoActivity.this);
                camera.open((int) (MARGIN * Math.max(PhotoTensor.HEIGHT, PhotoTensor.WIDTH)));
            }
        });
    }

    @Override
    protected void onPause() {
        if (thread != null) {
            worker.post(new Runnable() {
                @Override
                public void run() {
                    camera.close();
                    models.close();
                }
            });
            thread.quitSafely();
            thread = null;
        }
        super.onPause();
    }

    /** On the worker's thread, as its frames are. */
    @Override
    public void seen(Frame frame) {
        final String found = models.classify(frame, screen.repairs());
        final Bitmap photo = Bitmap.createBitmap(frame.pixels, frame.width, frame.height, Bitmap.Config.ARGB_8888);
        runOnUiThread(new Runnable() {
            @Override
            public void run() {
                screen.show(photo, found);
            }
        });
    }

    @Override
    public void failed(final String why) {
        runOnUiThread(new Runnable() {
            @Override
            public void run() {
                screen.say(why);
            }
        });
    }

    private boolean mayLook() {
        return checkSelfPermission(Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED;
    }

    @SuppressWarnings("deprecation") // what came after it is not in Android 8
    private int displayDegrees() {
        return 90 * getWindowManager().getDefaultDisplay().getRotation(); // Surface.ROTATION_90 is 1
    }
}
