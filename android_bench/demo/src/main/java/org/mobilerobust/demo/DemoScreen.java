package org.mobilerobust.demo;

import android.content.Context;
import android.graphics.Bitmap;
import android.graphics.Typeface;
import android.view.WindowInsets;
import android.widget.CompoundButton;
import android.widget.ImageView;
import android.widget.LinearLayout;
import android.widget.Switch;
import android.widget.TextView;

/** The frame that was classified, the classes below it, and the switch between the two networks. */
final class DemoScreen extends LinearLayout implements CompoundButton.OnCheckedChangeListener {
    private final ImageView photo;
    private final TextView text;
    private volatile boolean repairs = true;

    DemoScreen(Context context) {
        super(context);
        setOrientation(VERTICAL);
        photo = new ImageView(context);
        addView(photo, new LayoutParams(LayoutParams.MATCH_PARENT, 0, 1));
        text = new TextView(context);
        text.setTextAppearance(android.R.style.TextAppearance_Material_Body1); // of the colour for most text
        text.setTextSize(18);
        text.setTypeface(Typeface.MONOSPACE);
        text.setMinLines(4);
        addView(text);
        Switch button = new Switch(context);
        button.setText("Repair module");
        button.setTextSize(18);
        button.setChecked(repairs);
        button.setOnCheckedChangeListener(this);
        addView(button);
        for (TextView each : new TextView[] {text, button}) {
            each.setPadding(pixels(24), pixels(12), pixels(24), pixels(12));
        }
    }

    /** On any thread. */
    boolean repairs() {
        return repairs;
    }

    void show(Bitmap seen, String found) {
        photo.setImageBitmap(seen);
        text.setText(found);
    }

    void say(String sentence) {
        text.setText(sentence);
    }

    @Override
    public void onCheckedChanged(CompoundButton button, boolean checked) {
        repairs = checked;
    }

    /** Keeps everything off the bars, where Android draws apps behind them: only there it calls this. */
    @Override
    @SuppressWarnings("deprecation") // what came after it is not in Android 8
    public WindowInsets onApplyWindowInsets(WindowInsets insets) {
        setPadding(insets.getSystemWindowInsetLeft(), insets.getSystemWindowInsetTop(),
                insets.getSystemWindowInsetRight(), insets.getSystemWindowInsetBottom());
        return insets;
    }

    private int pixels(int dp) {
        return Math.round(dp * getResources().getDisplayMetrics().density);
    }
}
