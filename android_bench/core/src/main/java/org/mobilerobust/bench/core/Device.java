package org.mobilerobust.bench.core;

import java.util.Map;

/** The phone: what it is, how warm and fast it is now, its clocks. What it does not tell is null. */
public interface Device {
    /** Name and version of this app. */
    Map<String, Object> app();

    /** {@code Device} of the result's schema. */
    Map<String, Object> describe();

    /** {@code State} of the result's schema. */
    Map<String, Object> state();

    /** Android's, 0 to 6. */
    Integer thermalStatus();

    /** Whether the app is what the phone shows, so that Android schedules it as such. */
    boolean inFront();

    /** Lets the peak of resident memory begin anew; false where that is not possible. */
    boolean forgetPeak();

    Long residentBytes();

    Long peakResidentBytes();

    /** Goes on evenly, from any beginning. */
    long nanoTime();

    /** Milliseconds since 1970, UTC. */
    long wallMillis();

    void sleep(long milliseconds);
}
