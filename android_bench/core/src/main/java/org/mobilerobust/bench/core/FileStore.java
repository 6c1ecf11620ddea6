package org.mobilerobust.bench.core;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;

/** A {@link Store} that is a folder. */
public final class FileStore implements Store {
    /** Kept so that the done marker finds room where the storage is full. */
    private static final String RESERVE = "reserve";

    private static final int RESERVED_BYTES = 65536;

    private final File folder;

    public FileStore(File folder) throws IOException {
        this.folder = folder;
        if (!folder.isDirectory() && !folder.mkdirs()) {
            throw new IOException("cannot make the folder " + folder.getName());
        }
        if (!has(RESERVE)) {
            write(RESERVE, new byte[RESERVED_BYTES]);
        }
    }

    @Override
    public boolean has(String name) {
        return new File(folder, name).isFile();
    }

    @Override
    public byte[] read(String name) throws IOException {
        return readAll(new File(folder, name));
    }

    @Override
    public void write(String name, byte[] content) throws IOException {
        File whole = new File(folder, name);
        File partial = new File(folder, name + ".part");
        try {
            FileOutputStream out = new FileOutputStream(partial);
            try {
                out.write(content);
                out.getFD().sync(); // else the new name could be on the disk before the new content
            } finally {
                out.close();
            }
            if (!partial.renameTo(whole)) {
                throw new IOException("cannot rename it");
            }
        } catch (IOException error) {
            partial.delete();
            throw new IOException(name + ": cannot be written: " + error.getMessage(), error);
        }
    }

    @Override
    public void release() {
        new File(folder, RESERVE).delete();
    }

    /** All that a file holds. */
    public static byte[] readAll(File file) throws IOException {
        ByteArrayOutputStream content = new ByteArrayOutputStream();
        InputStream in = new FileInputStream(file);
        try {
            byte[] block = new byte[65536];
            for (int count = in.read(block); count >= 0; count = in.read(block)) {
                content.write(block, 0, count);
            }
        } finally {
            in.close();
        }
        return content.toByteArray();
    }
}
