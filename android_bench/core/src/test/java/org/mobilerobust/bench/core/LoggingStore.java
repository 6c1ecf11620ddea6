package org.mobilerobust.bench.core;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** A folder that logs what is written into it, and is full after some results. */
final class LoggingStore implements Store {
    /** When the app said that it lives. */
    final List<Long> alive = new ArrayList<Long>();
    /** Results that there is room for. */
    int fullAfter = Integer.MAX_VALUE;
    private final FileStore files;
    /** Everything that progress.json ever held. */
    final List<String> progress = new ArrayList<String>();

    private final FakeDevice device;
    private boolean full;

    LoggingStore(File folder, FakeDevice device) throws IOException {
        files = new FileStore(folder);
        this.device = device;
    }

    @Override
    public boolean has(String name) {
        return files.has(name);
    }

    @Override
    public byte[] read(String name) throws IOException {
        return files.read(name);
    }

    @Override
    public void write(String name, byte[] content) throws IOException {
        full |= name.equals(Report.NAME) && fullAfter-- == 0;
        if (full) {
            throw new IOException(name + ": cannot be written: No space left on device");
        }
        files.write(name, content);
        if (name.equals("progress.json")) {
            alive.add(device.wallMillis());
            progress.add(new String(content, StandardCharsets.UTF_8));
        } else {
            device.log.add("write " + name);
        }
    }

    @Override
    public void release() {
        full = false;
        files.release();
    }
}
