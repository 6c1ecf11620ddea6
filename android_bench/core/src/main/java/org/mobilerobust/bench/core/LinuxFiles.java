package org.mobilerobust.bench.core;

import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What Linux tells in {@code /proc} and {@code /sys}; what it does not tell an app of this phone is null. */
public final class LinuxFiles {
    private static final Pattern NUMBER = Pattern.compile("-?\\d{1,18}");
    private static final Pattern CPU = Pattern.compile("cpu(\\d{1,4})");

    private final File root;
    private final List<Integer> cpus = new ArrayList<Integer>();

    /** {@code root} is where {@code proc} and {@code sys} are. */
    public LinuxFiles(File root) {
        this.root = root;
        for (String name : names("sys/devices/system/cpu")) {
            Matcher matcher = CPU.matcher(name);
            if (matcher.matches()) {
                cpus.add(Integer.valueOf(matcher.group(1)));
            }
        }
        if (cpus.isEmpty()) {
            for (int i = 0; i < Runtime.getRuntime().availableProcessors(); i++) {
                cpus.add(i);
            }
        }
        Collections.sort(cpus); // the names are sorted as words: cpu10 before cpu2
    }

    /** {@code Cpu} of the result's schema, one a core. */
    public List<Object> cpus() {
        List<Object> found = new ArrayList<Object>();
        for (int cpu : cpus) {
            Map<String, Object> described = new LinkedHashMap<String, Object>();
            described.put("index", cpu);
            described.put("max_khz", frequency(cpu, "cpuinfo_max_freq"));
            found.add(described);
        }
        return found;
    }

    /** Frequencies now in kHz, in the order of {@link #cpus}. */
    public List<Object> frequencies() {
        List<Object> found = new ArrayList<Object>();
        for (int cpu : cpus) {
            found.add(frequency(cpu, "scaling_cur_freq"));
        }
        return found;
    }

    /** Sensor to thousandths of a degree Celsius; of most phones an app may read none. */
    public Map<String, Object> temperatures() {
        Map<String, Object> found = new LinkedHashMap<String, Object>();
        for (String zone : names("sys/class/thermal")) {
            String folder = "sys/class/thermal/" + zone + "/";
            Long value = zone.startsWith("thermal_zone") ? number(text(folder + "temp")) : null;
            if (value != null) {
                String kind = text(folder + "type");
                String name = kind == null ? zone : kind;
                found.put(found.containsKey(name) ? name + " (" + zone + ")" : name, value);
            }
        }
        return found;
    }

    /** Mean of one minute of the processes that ran or waited. */
    public Double load() {
        String text = text("proc/loadavg");
        try {
            return text == null ? null : Double.valueOf(text.split(" ")[0]);
        } catch (NumberFormatException unknown) {
            return null;
        }
    }

    /** Bytes of memory that the phone has. */
    public Long memoryBytes() {
        return kilobytes("proc/meminfo", "MemTotal");
    }

    /** Bytes of this process that are in memory. */
    public Long residentBytes() {
        return kilobytes("proc/self/status", "VmRSS");
    }

    /** The most it ever was, or was since {@link #forgetPeak}. */
    public Long peakResidentBytes() {
        return kilobytes("proc/self/status", "VmHWM");
    }

    /** See {@link Device#forgetPeak}. */
    public boolean forgetPeak() {
        try {
            FileOutputStream out = new FileOutputStream(new File(root, "proc/self/clear_refs"));
            try {
                out.write('5');
            } finally {
                out.close();
            }
            return true;
        } catch (IOException denied) {
            return false;
        }
    }

    private Long frequency(int cpu, String name) {
        return number(text("sys/devices/system/cpu/cpu" + cpu + "/cpufreq/" + name));
    }

    /** A line "KEY: NUMBER kB" in bytes. */
    private Long kilobytes(String path, String key) {
        String text = text(path);
        Matcher matcher = Pattern.compile("(?m)^" + key + ":\\s*(\\d{1,15}) kB$").matcher(text == null ? "" : text);
        return matcher.find() ? 1024 * Long.parseLong(matcher.group(1)) : null;
    }

    private String[] names(String folder) {
        String[] found = new File(root, folder).list();
        String[] names = found == null ? new String[0] : found;
        Arrays.sort(names);
        return names;
    }

    private static Long number(String text) {
        return text != null && NUMBER.matcher(text).matches() ? Long.valueOf(text) : null;
    }

    private String text(String path) {
        try {
            String text = new String(FileStore.readAll(new File(root, path)), StandardCharsets.UTF_8).trim();
            return text.isEmpty() ? null : text;
        } catch (IOException denied) {
            return null;
        }
    }
}
