package org.mobilerobust.bench.core;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

public class LinuxFilesTest {
    @Rule
    public final TemporaryFolder folder = new TemporaryFolder();

    @Test
    public void whatAPhoneTells() throws IOException {
        for (int cpu : new int[] {0, 1, 2, 10}) {
            file("sys/devices/system/cpu/cpu" + cpu + "/cpufreq/cpuinfo_max_freq", 1000 + cpu + "\n");
        }
        file("sys/devices/system/cpu/cpu2/cpufreq/scaling_cur_freq", "600\n");
        file("sys/devices/system/cpu/cpu10/cpufreq/scaling_cur_freq", "<unsupported>\n");
        file("sys/devices/system/cpu/cpufreq/policy0/x", "");
        file("sys/class/thermal/thermal_zone0/temp", "41000\n");
        file("sys/class/thermal/thermal_zone0/type", "cpu\n");
        file("sys/class/thermal/thermal_zone1/temp", "-5000\n");
        file("sys/class/thermal/thermal_zone1/type", "cpu\n");
        file("sys/class/thermal/thermal_zone2/type", "silent\n");
        file("sys/class/thermal/cooling_device0/temp", "1\n");
        file("proc/meminfo", "MemFree:  5 kB\nMemTotal:        2048 kB\n");
        file("proc/self/status", "VmPeak:\t 9 kB\nVmHWM:\t      20 kB\nVmRSS:\t      10 kB\n");
        file("proc/loadavg", "1.25 0.5 0.1 1/2 3\n");
        file("proc/self/clear_refs", "");
        LinuxFiles files = new LinuxFiles(folder.getRoot());
        assertEquals(Jobs.list(null, null, 600L, null), files.frequencies());
        assertEquals(Jobs.object("index", 10, "max_khz", 1010L), files.cpus().get(3));
        assertEquals(Jobs.object("cpu", 41000L, "cpu (thermal_zone1)", -5000L), files.temperatures());
        assertEquals((Long) (2048L * 1024), files.memoryBytes());
        assertEquals((Long) (10L * 1024), files.residentBytes());
        assertEquals((Long) (20L * 1024), files.peakResidentBytes());
        assertEquals((Double) 1.25, files.load());
        assertTrue(files.forgetPeak());
        assertEquals("5", new String(FileStore.readAll(new File(folder.getRoot(), "proc/self/clear_refs")), "UTF-8"));
    }

    @Test
    public void aPhoneThatTellsNothing() {
        LinuxFiles files = new LinuxFiles(folder.getRoot());
        assertEquals(Runtime.getRuntime().availableProcessors(), files.cpus().size());
        assertNull(Jobs.at(files.cpus(), 0, "max_khz"));
        assertTrue(files.temperatures().isEmpty());
        assertNull(files.memoryBytes());
        assertNull(files.residentBytes());
        assertNull(files.peakResidentBytes());
        assertNull(files.frequencies().get(0));
        assertNull(files.load());
        assertFalse(files.forgetPeak());
    }

    private void file(String path, String content) throws IOException {
        File file = new File(folder.getRoot(), path);
        assertTrue(file.getParentFile().isDirectory() || file.getParentFile().mkdirs());
        FileOutputStream out = new FileOutputStream(file);
        out.write(content.getBytes("UTF-8"));
        out.close();
    }
}
