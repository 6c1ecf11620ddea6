package org.mobilerobust.bench;

import android.content.Context;
import android.graphics.Typeface;
import android.view.View;
import android.view.ViewGroup;
import android.view.WindowInsets;
import android.widget.LinearLayout;
import android.widget.ProgressBar;
import android.widget.TextView;

/** What the phone shows: what is measured now and how far it is. Colours are those of the theme, light or dark. */
final class Screen extends LinearLayout {
    private final TextView what;
    private final TextView count;
    private final ProgressBar bar;

    Screen(Context context) {
        super(context);
        setOrientation(VERTICAL);
        line("mobile-robust bench", 24, true);
        what = line("", 18, false);
        bar = new ProgressBar(context, null, android.R.attr.progressBarStyleHorizontal);
        addView(bar, ViewGroup.LayoutParams.MATCH_PARENT, ViewGroup.LayoutParams.WRAP_CONTENT);
        count = line("", 18, false);
        line("Leave the phone lying, the screen on and this app in front until it says that it is done.", 14, false);
        say("Waiting for a job", 0, 0);
    }

    /** {@code total} 0: there is nothing to count. */
    void say(String text, int done, int total) {
        what.setText(text);
        count.setText(total > 0 ? done + " of " + total + " repetitions" : "");
        bar.setVisibility(total > 0 ? View.VISIBLE : View.INVISIBLE);
        bar.setMax(total);
        bar.setProgress(done);
    }

    /** Keeps the text off the bars and the camera where Android draws apps behind them. */
    @Override
    @SuppressWarnings("deprecation") // what came after it is not in Android 8
    public WindowInsets onApplyWindowInsets(WindowInsets insets) {
        int margin = pixels(24);
        setPadding(
                margin + insets.getSystemWindowInsetLeft(), margin + insets.getSystemWindowInsetTop(),
                margin + insets.getSystemWindowInsetRight(), margin + insets.getSystemWindowInsetBottom());
        return insets;
    }

    private TextView line(String text, int sp, boolean bold) {
        TextView line = new TextView(getContext());
        line.setText(text);
        line.setTextSize(sp);
        line.setPadding(0, pixels(8), 0, pixels(8));
        if (bold) {
            line.setTypeface(Typeface.DEFAULT_BOLD);
        }
        addView(line);
        return line;
    }

    private int pixels(int dp) {
        return Math.round(dp * getResources().getDisplayMetrics().density);
    }
}
