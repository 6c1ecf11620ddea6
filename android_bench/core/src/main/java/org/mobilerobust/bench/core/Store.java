package org.mobilerobust.bench.core;

import java.io.IOException;

/** The folder of a run. */
public interface Store {
    /** Whether a file is there. */
    boolean has(String name);

    /** What a file holds. */
    byte[] read(String name) throws IOException;

    /** Writes a file so that its name always stands for the whole of the old or the whole of the new content. */
    void write(String name, byte[] content) throws IOException;

    /** Makes room that {@link #write} was denied; so small that only a last word fits in. */
    void release();
}
