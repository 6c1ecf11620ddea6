package org.mobilerobust.bench.core;

import java.io.EOFException;
import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.Buffer;
import java.nio.ByteBuffer;

/** The inputs of a model in a file: float32, little-endian, for every input of the test set all tensors. */
final class TestSet {
    private final RandomAccessFile file;
    private final long inputBytes;

    /** Refuses a file of another size than {@code count} inputs of the model have. */
    TestSet(File path, Model model, int count) throws IOException {
        inputBytes = model.inputBytes();
        file = new RandomAccessFile(path, "r");
        if (file.length() != inputBytes * count) {
            String found = path.getName() + ": has " + file.length() + " bytes, but ";
            close();
            throw new IOException(found + count + " inputs of " + model.artifact + " have " + inputBytes * count);
        }
    }

    /** Reads an input from the disk into the buffers of its tensors. */
    void read(int index, ByteBuffer[] tensors) {
        try {
            file.seek(index * inputBytes);
            for (ByteBuffer tensor : tensors) {
                ((Buffer) tensor).clear(); // as Buffer's: that of ByteBuffer itself is not in Android 8
                while (tensor.hasRemaining()) {
                    if (file.getChannel().read(tensor) < 0) {
                        throw new EOFException("the test set's file ends within input " + index);
                    }
                }
                ((Buffer) tensor).rewind();
            }
        } catch (IOException error) {
            throw new UncheckedIOException(error.getMessage(), error);
        }
    }

    void close() {
        try {
            file.close();
        } catch (IOException unread) {
            // It was only read from.
        }
    }
}
