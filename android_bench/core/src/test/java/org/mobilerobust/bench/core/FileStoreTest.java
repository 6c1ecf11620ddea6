package org.mobilerobust.bench.core;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;

import java.io.File;
import java.io.IOException;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

public class FileStoreTest {
    @Rule
    public final TemporaryFolder folder = new TemporaryFolder();

    @Test
    public void theNewContentTakesTheOldOnesPlace() throws IOException {
        FileStore store = new FileStore(new File(folder.getRoot(), "run"));
        assertFalse(store.has("a"));
        store.write("a", new byte[] {1, 2});
        store.write("a", new byte[] {3});
        assertArrayEquals(new byte[] {3}, store.read("a"));
        assertFalse(store.has("a.part"));
    }

    @Test
    public void whatCannotBeWrittenLeavesTheOldContent() throws IOException {
        FileStore store = new FileStore(folder.getRoot());
        store.write("a", new byte[] {1});
        assertTrue(new File(folder.getRoot(), "a.part").mkdir()); // stands in the way
        try {
            store.write("a", new byte[] {2});
            fail();
        } catch (IOException error) {
            assertTrue(error.getMessage(), error.getMessage().startsWith("a: cannot be written: "));
        }
        assertArrayEquals(new byte[] {1}, store.read("a"));
    }

    @Test
    public void roomIsKeptAndGivenBack() throws IOException {
        FileStore store = new FileStore(folder.getRoot());
        assertTrue(new File(folder.getRoot(), "reserve").length() >= 4096);
        store.release();
        assertFalse(new File(folder.getRoot(), "reserve").exists());
    }

    @Test
    public void aFolderThatCannotBeMadeIsSaid() throws IOException {
        File file = folder.newFile("file");
        try {
            new FileStore(new File(file, "run"));
            fail();
        } catch (IOException error) {
            assertTrue(error.getMessage(), error.getMessage().contains("run"));
        }
    }
}
