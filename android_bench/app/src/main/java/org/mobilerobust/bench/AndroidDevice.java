package org.mobilerobust.bench;

import android.content.Context;
import android.content.Intent;
import android.content.IntentFilter;
import android.content.pm.PackageManager;
import android.os.BatteryManager;
import android.os.Build;
import android.os.PowerManager;
import android.os.SystemClock;
import java.util.LinkedHashMap;
import java.util.Map;
import org.mobilerobust.bench.core.LinuxDevice;

/** This phone. */
final class AndroidDevice extends LinuxDevice {
    /** Seconds that Android is to look ahead for the headroom; it answers at most once a second. */
    private static final int FORECAST_SECONDS = 0;

    private final Context context;
    private final PowerManager power;
    private volatile boolean inFront;

    AndroidDevice(Context context) {
        this.context = context;
        power = (PowerManager) context.getSystemService(Context.POWER_SERVICE);
    }

    void setInFront(boolean inFront) {
        this.inFront = inFront;
    }

    @Override
    public Map<String, Object> app() {
        Map<String, Object> app = new LinkedHashMap<String, Object>();
        app.put("platform", "android");
        app.put("name", context.getPackageName());
        app.put("version", version());
        return app;
    }

    @Override
    public Map<String, Object> describe() {
        Map<String, Object> described = new LinkedHashMap<String, Object>();
        described.put("name", Build.MANUFACTURER + " " + Build.MODEL);
        described.put("model", Build.DEVICE);
        described.put("soc", soc());
        described.put("os", "Android " + Build.VERSION.RELEASE + " (API " + Build.VERSION.SDK_INT + ", "
                + Build.DISPLAY + ")");
        described.put("abi", Build.SUPPORTED_ABIS.length > 0 ? Build.SUPPORTED_ABIS[0] : "unknown");
        described.put("cpus", linux.cpus());
        described.put("memory_bytes", linux.memoryBytes());
        return described;
    }

    @Override
    public Map<String, Object> state() {
        IntentFilter changes = new IntentFilter(Intent.ACTION_BATTERY_CHANGED);
        Intent battery = context.registerReceiver(null, changes); // the last one there was
        int level = extra(battery, BatteryManager.EXTRA_LEVEL);
        int scale = extra(battery, BatteryManager.EXTRA_SCALE);
        int tenths = extra(battery, BatteryManager.EXTRA_TEMPERATURE);
        int status = extra(battery, BatteryManager.EXTRA_STATUS);
        Map<String, Object> state = new LinkedHashMap<String, Object>();
        state.put("thermal_status", thermalStatus());
        state.put("thermal_headroom", headroom());
        state.put("temperatures_mc", linux.temperatures());
        state.put("cpu_khz", linux.frequencies());
        state.put("battery_percent", level >= 0 && scale >= level && scale > 0 ? (Object) (100 * level / scale) : null);
        state.put("battery_mc", tenths == Integer.MIN_VALUE ? null : (Object) (100 * tenths));
        state.put("charging", charging(status));
        state.put("load", linux.load());
        return state;
    }

    @Override
    public Integer thermalStatus() {
        return Build.VERSION.SDK_INT >= 29 ? (Integer) power.getCurrentThermalStatus() : null;
    }

    @Override
    public boolean inFront() {
        return inFront;
    }

    @Override
    public void sleep(long milliseconds) {
        SystemClock.sleep(milliseconds);
    }

    private String version() {
        try {
            String version = context.getPackageManager().getPackageInfo(context.getPackageName(), 0).versionName;
            return version == null ? "unknown" : version;
        } catch (PackageManager.NameNotFoundException impossible) { // it is this app
            throw new IllegalStateException(impossible);
        }
    }

    private static String soc() {
        if (Build.VERSION.SDK_INT < 31) {
            return Build.HARDWARE;
        }
        return Build.SOC_MANUFACTURER + " " + Build.SOC_MODEL;
    }

    /** Android's forecast; null where the phone has none (it says NaN). */
    private Double headroom() {
        float headroom = Build.VERSION.SDK_INT >= 30 ? power.getThermalHeadroom(FORECAST_SECONDS) : Float.NaN;
        return Float.isNaN(headroom) || Float.isInfinite(headroom) ? null : Double.valueOf(Float.toString(headroom));
    }

    private static int extra(Intent battery, String name) {
        return battery == null ? Integer.MIN_VALUE : battery.getIntExtra(name, Integer.MIN_VALUE);
    }

    private static Boolean charging(int status) {
        switch (status) {
            case BatteryManager.BATTERY_STATUS_CHARGING:
            case BatteryManager.BATTERY_STATUS_FULL:
                return true;
            case BatteryManager.BATTERY_STATUS_DISCHARGING:
            case BatteryManager.BATTERY_STATUS_NOT_CHARGING:
                return false;
            default:
                return null;
        }
    }
}
