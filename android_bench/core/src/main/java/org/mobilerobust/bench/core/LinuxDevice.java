package org.mobilerobust.bench.core;

import java.io.File;

/** A device of which Linux tells the memory, and Java the time. */
public abstract class LinuxDevice implements Device {
    protected final LinuxFiles linux = new LinuxFiles(new File("/"));

    @Override
    public boolean forgetPeak() {
        return linux.forgetPeak();
    }

    @Override
    public Long residentBytes() {
        return linux.residentBytes();
    }

    @Override
    public Long peakResidentBytes() {
        return linux.peakResidentBytes();
    }

    @Override
    public long nanoTime() {
        return System.nanoTime();
    }

    @Override
    public long wallMillis() {
        return System.currentTimeMillis();
    }
}
