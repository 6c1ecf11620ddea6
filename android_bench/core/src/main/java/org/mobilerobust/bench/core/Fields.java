package org.mobilerobust.bench.core;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/** A JSON object of which every field is asked for by name; whatever does not fit is a {@link JobException}. */
final class Fields {
    private final String where;
    private final Map<?, ?> values;
    private final Set<String> asked = new HashSet<String>();

    /** {@code where} is the object's own name in messages, empty for the outermost. */
    Fields(String where, Object value) throws JobException {
        if (!(value instanceof Map)) {
            throw new JobException((where.isEmpty() ? "the job" : where) + ": must be an object");
        }
        this.where = where;
        this.values = (Map<?, ?>) value;
    }

    String string(String name) throws JobException {
        Object value = value(name);
        if (!(value instanceof String)) {
            throw wrong(name, "a string");
        }
        return (String) value;
    }

    String stringOrNull(String name) throws JobException {
        return value(name) == null ? null : string(name);
    }

    String matching(String name, Pattern pattern, String allowed) throws JobException {
        String value = string(name);
        if (!pattern.matcher(value).matches()) {
            throw wrong(name, allowed);
        }
        return value;
    }

    String oneOf(String name, String... allowed) throws JobException {
        Object value = value(name);
        if (!(value instanceof String) || !Arrays.asList(allowed).contains(value)) {
            throw wrong(name, allowed.length == 1 ? allowed[0] : "one of " + Arrays.toString(allowed));
        }
        return (String) value;
    }

    int integer(String name, int least, int most) throws JobException {
        return (int) inRange(name, value(name), least, most);
    }

    /** Null where it is null. */
    Long longOrNull(String name) throws JobException {
        return value(name) == null ? null : inRange(name, value(name), 0, Long.MAX_VALUE);
    }

    /** Seconds and the like: no fewer than none, and no more than a day has. */
    double seconds(String name) throws JobException {
        Object value = value(name);
        double number = value instanceof Number ? ((Number) value).doubleValue() : -1;
        if (!(number >= 0 && number <= 86400)) {
            throw wrong(name, "a number from 0 to 86400");
        }
        return number;
    }

    void isTrue(String name) throws JobException {
        if (!Boolean.TRUE.equals(value(name))) {
            throw wrong(name, "true");
        }
    }

    void isNull(String name) throws JobException {
        if (value(name) != null) {
            throw wrong(name, "null");
        }
    }

    Fields object(String name) throws JobException {
        return new Fields(path(name), value(name));
    }

    List<Fields> objects(String name) throws JobException {
        List<Fields> found = new ArrayList<Fields>();
        for (Object item : list(name)) {
            found.add(new Fields(path(name) + "[" + found.size() + "]", item));
        }
        if (found.isEmpty()) {
            throw wrong(name, "a list with something in it");
        }
        return found;
    }

    int[] integers(String name, int least, int most) throws JobException {
        List<?> list = list(name);
        int[] found = new int[list.size()];
        for (int i = 0; i < found.length; i++) {
            found[i] = (int) inRange(name + "[" + i + "]", list.get(i), least, most);
        }
        return found;
    }

    /** To be called last: refuses fields that nobody asked for. */
    void end() throws JobException {
        for (Object name : values.keySet()) {
            if (!asked.contains(name)) {
                throw new JobException(path((String) name) + ": no such field is known");
            }
        }
    }

    JobException wrong(String name, String allowed) {
        String found = values.containsKey(name) ? ", got " + Json.write(values.get(name)) : "";
        return new JobException(path(name) + ": must be " + allowed + found);
    }

    private List<?> list(String name) throws JobException {
        Object value = value(name);
        if (!(value instanceof List)) {
            throw wrong(name, "a list");
        }
        return (List<?>) value;
    }

    private long inRange(String name, Object value, long least, long most) throws JobException {
        if (!(value instanceof Long) || (Long) value < least || (Long) value > most) {
            String range = most == Long.MAX_VALUE ? "of at least " + least : "from " + least + " to " + most;
            throw new JobException(path(name) + ": must be a whole number " + range + ", got " + Json.write(value));
        }
        return (Long) value;
    }

    private Object value(String name) throws JobException {
        asked.add(name);
        if (!values.containsKey(name)) {
            throw new JobException(path(name) + ": is missing");
        }
        return values.get(name);
    }

    private String path(String name) {
        return where.isEmpty() ? name : where + "." + name;
    }
}
