package org.mobilerobust.bench;

import android.content.Context;
import android.graphics.Typeface;
import android.view.View;
import android.view.WindowInsets;
import android.widget.LinearLayout;
import android.widget.ProgressBar;
import android.widget.ScrollView;
import android.widget.TextView;
import java.util.Locale;

/** What the phone shows: what is measured now and how far it is. Colours are those of the theme, light or dark. */
final class Screen extends ScrollView {
    private static final String HANDS_OFF =
            "Do not touch the phone: the screen stays on, and this app has to stay in front until it is done.";

    private final LinearLayout column;
    private final TextView step;
    private final TextView about;
    private final ProgressBar bar;
    private final TextView count;
    private final TextView handsOff;

    Screen(Context context) {
        super(context);
        setFillViewport(true); // what does not fit, as where letters are large, can be scrolled to
        column = new LinearLayout(context);
        column.setOrientation(LinearLayout.VERTICAL);
        addView(column);
        line(16).setText("mobile-robust bench");
        gap(1);
        step = line(28);
        step.setTypeface(Typeface.DEFAULT_BOLD);
        about = line(20);
        bar = new ProgressBar(context, null, android.R.attr.progressBarStyleHorizontal);
        bar.setScaleY(3); // to be seen from where the phone is not touched
        bar.setPadding(0, pixels(16), 0, pixels(16));
        column.addView(bar);
        count = line(20);
        gap(2);
        handsOff = line(16);
        handsOff.setText(HANDS_OFF);
        pad(0, 0, 0, 0);
    }

    /** See {@link org.mobilerobust.bench.core.Progress.Listener#at}; {@code total} 0: nothing is measured. */
    void say(String what, String details, int done, int total) {
        step.setText(what.substring(0, 1).toUpperCase(Locale.ROOT) + what.substring(1));
        about.setText(details);
        count.setText(done + " of " + total + " repetitions measured");
        bar.setMax(total);
        bar.setProgress(done);
        for (View view : new View[] {bar, count, handsOff}) {
            view.setVisibility(total > 0 ? VISIBLE : INVISIBLE);
        }
    }

    /** Keeps the text off the bars and the camera, where Android draws apps behind them: only there it calls this. */
    @Override
    @SuppressWarnings("deprecation") // what came after it is not in Android 8
    public WindowInsets onApplyWindowInsets(WindowInsets insets) {
        pad(insets.getSystemWindowInsetLeft(), insets.getSystemWindowInsetTop(),
                insets.getSystemWindowInsetRight(), insets.getSystemWindowInsetBottom());
        return insets;
    }

    /** A margin, and what is taken beside it. */
    private void pad(int left, int top, int right, int bottom) {
        int margin = pixels(24);
        column.setPadding(margin + left, margin + top, margin + right, margin + bottom);
    }

    private TextView line(int sp) {
        TextView line = new TextView(getContext());
        line.setTextAppearance(android.R.style.TextAppearance_Material_Body1); // of the colour for most text
        line.setTextSize(sp);
        line.setPadding(0, pixels(8), 0, pixels(8));
        column.addView(line);
        return line;
    }

    /** Takes a share of the height that is left. */
    private void gap(float share) {
        column.addView(new View(getContext()), new LinearLayout.LayoutParams(0, 0, share));
    }

    private int pixels(int dp) {
        return Math.round(dp * getResources().getDisplayMetrics().density);
    }
}
