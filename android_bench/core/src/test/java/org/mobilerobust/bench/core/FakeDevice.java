package org.mobilerobust.bench.core;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A phone whose clock goes on only where something is done, and is told to the nanosecond. */
public final class FakeDevice implements Device {
    /** What was done, in order. */
    final List<String> log = new ArrayList<String>();

    Integer thermalStatus = 0;
    /** Nanoseconds after which the phone is no longer hot. */
    long coolAt = Long.MAX_VALUE;
    boolean inFront = true;
    boolean tellsPeak = true;
    long now = 5000000000L;

    @Override
    public Map<String, Object> app() {
        return Jobs.object("platform", "android", "name", "org.mobilerobust.bench", "version", "1.0");
    }

    @Override
    public Map<String, Object> describe() {
        return Jobs.object(
                "name", "Fake Phone", "model", "fake", "soc", null, "os", "Android 14", "abi", "arm64-v8a",
                "cpus", Jobs.list(Jobs.object("index", 0, "max_khz", 1800000L), Jobs.object("index", 1, "max_khz", null)),
                "memory_bytes", 8000000000L);
    }

    @Override
    public Map<String, Object> state() {
        log.add("state");
        return Jobs.object(
                "thermal_status", thermalStatus(), "thermal_headroom", 0.5, "temperatures_mc", Jobs.object("skin", 31000L),
                "cpu_khz", Jobs.list(600000L, null), "battery_percent", 80, "battery_mc", 29500, "charging", true,
                "load", null);
    }

    @Override
    public Integer thermalStatus() {
        return now >= coolAt ? (Integer) 0 : thermalStatus;
    }

    @Override
    public boolean inFront() {
        return inFront;
    }

    @Override
    public boolean forgetPeak() {
        return tellsPeak;
    }

    @Override
    public Long residentBytes() {
        return 1000L;
    }

    @Override
    public Long peakResidentBytes() {
        return 3000L;
    }

    @Override
    public long nanoTime() {
        return now;
    }

    @Override
    public long wallMillis() {
        return 1700000000000L + now / 1000000;
    }

    @Override
    public void sleep(long milliseconds) {
        if (milliseconds <= 0 || milliseconds > 1000) {
            throw new AssertionError("slept " + milliseconds + " ms in one piece");
        }
        log.add("sleep");
        now += milliseconds * 1000000;
    }
}
