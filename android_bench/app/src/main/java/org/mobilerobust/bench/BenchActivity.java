package org.mobilerobust.bench;

import android.app.Activity;
import android.content.Intent;
import android.os.Bundle;
import android.view.WindowManager;
import org.mobilerobust.bench.core.Progress;

/** Started by the host with the name of a job file; shows how far the job is while it is measured. */
public final class BenchActivity extends Activity implements Progress.Listener {
    static final String JOB = "job";

    private Screen screen;
    private Session session;
    private boolean started;

    @Override
    protected void onCreate(Bundle state) {
        super.onCreate(state);
        getWindow().addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON);
        screen = new Screen(this);
        setContentView(screen);
        session = Session.ofProcess(this);
        session.show(this);
    }

    @Override
    protected void onStart() {
        super.onStart();
        session.setInFront(true);
        if (!started) { // not earlier: nothing is measured before the phone shows the app
            started = true;
            session.start(getIntent().getStringExtra(JOB));
        }
    }

    /** Another start while the activity is there. */
    @Override
    protected void onNewIntent(Intent intent) {
        super.onNewIntent(intent);
        setIntent(intent);
        session.start(intent.getStringExtra(JOB));
    }

    @Override
    protected void onStop() {
        session.setInFront(false);
        super.onStop();
    }

    @Override
    protected void onDestroy() {
        session.hide(this);
        super.onDestroy();
    }

    @Override
    public void at(final String step, final String about, final int done, final int total) {
        runOnUiThread(new Runnable() {
            @Override
            public void run() {
                screen.say(step, about, done, total);
            }
        });
    }
}
