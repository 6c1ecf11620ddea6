package org.mobilerobust.bench.core;

import java.nio.ByteBuffer;

/**
 * An artifact loaded by a runtime; the steps of an inference apart. Used by one thread only.
 *
 * <p>Whatever a runtime refuses it throws as a {@link RuntimeException}.
 */
public interface Engine {
    /** One direct little-endian buffer a tensor, in the job's order, to be filled by the caller. */
    ByteBuffer[] inputs();

    /** The same of the outputs of the last {@link #run}. */
    ByteBuffer[] outputs();

    /**
     * One inference of what {@link #inputs} hold.
     *
     * @return the sample: nanoseconds from inputs lying in the runtime's buffers to outputs lying in memory that the
     *     CPU can read. Copies between the runtime's buffers and those above are made outside of it.
     */
    long run();

    /** Nodes that the runtime executes for one inference; a delegate is one node for all operations it took. */
    int planLength();

    /** Gives its memory back. */
    void close();
}
