package org.mobilerobust.bench.core;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads and writes JSON (RFC 8259), strictly: a number is finite, a key is there once, nothing follows the value.
 *
 * <p>Objects are {@code Map<String, Object>} in the order of the text, arrays {@code List<Object>}, numbers without a
 * fraction and an exponent {@code Long}, others {@code Double}.
 */
public final class Json {
    /** Deeper texts are refused: the reader calls itself. */
    private static final int DEEPEST = 64;

    private final String text;
    private int at;
    private int depth;

    private Json(String text) {
        this.text = text;
    }

    /** Thrown for a text that is no JSON; the message says what was expected and where. */
    public static final class JsonException extends Exception {
        private static final long serialVersionUID = 1;

        JsonException(String message) {
            super(message);
        }
    }

    /** The value that {@code text} is. */
    public static Object read(String text) throws JsonException {
        Json reader = new Json(text);
        Object value = reader.value();
        if (reader.next() != -1) {
            throw reader.wrong("the end");
        }
        return value;
    }

    /** The text of a value; what it holds must be of the types above, or another integer type. */
    public static String write(Object value) {
        StringBuilder out = new StringBuilder();
        write(value, out);
        return out.toString();
    }

    private static void write(Object value, StringBuilder out) {
        if (value == null || value instanceof Boolean || value instanceof Integer || value instanceof Long) {
            out.append(value);
        } else if (value instanceof Double) {
            double number = (Double) value;
            if (Double.isNaN(number) || Double.isInfinite(number)) {
                throw new IllegalArgumentException("JSON has no number " + number);
            }
            out.append(number);
        } else if (value instanceof String) {
            writeString((String) value, out);
        } else if (value instanceof Map) {
            String before = "{";
            for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
                out.append(before);
                writeString((String) entry.getKey(), out);
                out.append(':');
                write(entry.getValue(), out);
                before = ",";
            }
            out.append(before.equals("{") ? "{}" : "}");
        } else if (value instanceof List) {
            String before = "[";
            for (Object item : (List<?>) value) {
                out.append(before);
                write(item, out);
                before = ",";
            }
            out.append(before.equals("[") ? "[]" : "]");
        } else {
            throw new IllegalArgumentException("JSON has no " + value.getClass().getName());
        }
    }

    private static void writeString(String value, StringBuilder out) {
        out.append('"');
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < ' ' || isLoneSurrogate(value, i)) { // a lone half has no UTF-8
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        out.append('"');
    }

    private static boolean isLoneSurrogate(String value, int i) {
        char c = value.charAt(i);
        if (Character.isHighSurrogate(c)) {
            return i + 1 == value.length() || !Character.isLowSurrogate(value.charAt(i + 1));
        }
        return Character.isLowSurrogate(c) && (i == 0 || !Character.isHighSurrogate(value.charAt(i - 1)));
    }

    private Object value() throws JsonException {
        int c = next();
        if (c == '{' || c == '[') {
            if (++depth > DEEPEST) {
                throw wrong("at most " + DEEPEST + " objects and arrays in each other");
            }
            at++;
            Object value = c == '{' ? object() : array();
            depth--;
            return value;
        }
        if (c == '"') {
            return string();
        }
        if (c == '-' || isDigit(c)) {
            return number();
        }
        if (word("true")) {
            return Boolean.TRUE;
        }
        if (word("false")) {
            return Boolean.FALSE;
        }
        if (word("null")) {
            return null;
        }
        throw wrong("a value");
    }

    private Map<String, Object> object() throws JsonException {
        Map<String, Object> found = new LinkedHashMap<String, Object>();
        if (took('}')) {
            return found;
        }
        do {
            if (next() != '"') {
                throw wrong("a key in quotes");
            }
            String key = string();
            if (found.containsKey(key)) {
                throw wrong("the key " + key + " once only");
            }
            if (!took(':')) {
                throw wrong("a colon");
            }
            found.put(key, value());
        } while (took(','));
        if (!took('}')) {
            throw wrong("a comma or the end of the object");
        }
        return found;
    }

    private List<Object> array() throws JsonException {
        List<Object> found = new ArrayList<Object>();
        if (took(']')) {
            return found;
        }
        do {
            found.add(value());
        } while (took(','));
        if (!took(']')) {
            throw wrong("a comma or the end of the array");
        }
        return found;
    }

    private String string() throws JsonException {
        StringBuilder out = new StringBuilder();
        at++; // the quote
        while (true) {
            int c = peek();
            if (c == -1 || c < ' ') {
                throw wrong("the end of the string");
            }
            at++;
            if (c == '"') {
                return out.toString();
            }
            out.append(c == '\\' ? escaped() : (char) c);
        }
    }

    private char escaped() throws JsonException {
        int c = peek();
        int simple = "\"\\/bfnrt".indexOf(c);
        if (simple >= 0) {
            at++;
            return "\"\\/\b\f\n\r\t".charAt(simple);
        }
        if (c != 'u' || at + 5 > text.length()) {
            throw wrong("an escape of JSON");
        }
        int code = 0;
        for (int i = 1; i <= 4; i++) {
            char digit = text.charAt(at + i);
            int worth = digit < 128 ? Character.digit(digit, 16) : -1;
            if (worth < 0) {
                throw wrong("four hexadecimal digits");
            }
            code = 16 * code + worth;
        }
        at += 5;
        return (char) code;
    }

    private Object number() throws JsonException {
        int start = at;
        if (peek() == '-') {
            at++;
        }
        if (peek() == '0') {
            at++;
        } else {
            digits();
        }
        boolean whole = true;
        if (peek() == '.') {
            at++;
            digits();
            whole = false;
        }
        if (peek() == 'e' || peek() == 'E') {
            at++;
            if (peek() == '+' || peek() == '-') {
                at++;
            }
            digits();
            whole = false;
        }
        String token = text.substring(start, at);
        if (whole) {
            try {
                return Long.valueOf(token);
            } catch (NumberFormatException tooLarge) {
                throw wrong("a whole number of at most 64 bits");
            }
        }
        double number = Double.parseDouble(token);
        if (Double.isInfinite(number)) {
            throw wrong("a number of at most 64 bits");
        }
        return number;
    }

    private void digits() throws JsonException {
        if (!isDigit(peek())) {
            throw wrong("a digit");
        }
        while (isDigit(peek())) {
            at++;
        }
    }

    private boolean word(String word) {
        if (!text.startsWith(word, at)) {
            return false;
        }
        at += word.length();
        return true;
    }

    private boolean took(char c) {
        if (next() != c) {
            return false;
        }
        at++;
        return true;
    }

    /** The next character that is no blank, or -1. */
    private int next() {
        while (at < text.length() && " \t\n\r".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        return peek();
    }

    private int peek() {
        return at < text.length() ? text.charAt(at) : -1;
    }

    private static boolean isDigit(int c) {
        return c >= '0' && c <= '9';
    }

    private JsonException wrong(String expected) {
        String found = at < text.length() ? "found " + text.charAt(at) : "the text ends";
        return new JsonException("character " + at + ": expected " + expected + ", but " + found);
    }
}
