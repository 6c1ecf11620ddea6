package org.mobilerobust.bench.core;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;

import java.util.Arrays;
import org.junit.Test;

public class JsonTest {
    @Test
    public void whatIsWrittenIsReadAgain() throws Exception {
        Object value = Jobs.object(
                "empty", Jobs.object(), "none", Jobs.list(), "null", null, "yes", true, "no", false,
                "whole", -9223372036854775808L, "large", 9223372036854775807L, "small", 4.9e-324, "third", 1.0 / 3,
                "exponent", 1.5e300, "zero", -0.0,
                "text", "\"\\/\b\f\n\r\t\u0000\u001f Größe 日本語 \uD83D\uDCF7 \uD83D lone \uDCF7",
                "nested", Jobs.list(Jobs.list(1L, Jobs.object("a", Jobs.list(2L)))));
        String text = Json.write(value);
        assertEquals(value, Json.read(text));
        assertEquals(text, new String(text.getBytes("UTF-8"), "UTF-8")); // lone surrogates are escaped
    }

    @Test
    public void allOfJsonIsRead() throws Exception {
        Object expected = Jobs.object("a\u00e9\uD83D\uDCF7\n", Jobs.list(0L, -1.0, 120.0, true, null));
        assertEquals(expected, Json.read(" {\"a\\u00E9\\ud83d\\udcf7\\n\" :\t[0 ,-1.0,1.2E+2,\r\ntrue,null]} "));
    }

    @Test
    public void whatIsNoJsonIsRefusedWithItsPlace() {
        String deep = new String(new char[65]).replace("\0", "[");
        for (String text : Arrays.asList(
                "", " ", "{", "[1", "[1,]", "{\"a\":1,}", "{\"a\"}", "{a:1}", "{'a':1}", "[1]]", "1 2", "nul", "True",
                "NaN", "-Infinity", "1e999", "9223372036854775808", "01", "-", "+1", ".5", "1.", "1e", "0x1", "\"abc",
                "\"a\nb\"", "\"\\x\"", "\"\\u12g4\"", "\"\\u12", "\"\\", "{\"a\":1,\"a\":2}", "/*c*/1", "\uFEFF1", "١",
                "\"\\u١١١١\"", deep)) {
            try {
                Json.read(text);
                fail("read " + text);
            } catch (Json.JsonException error) {
                assertTrue(error.getMessage(), error.getMessage().matches("(?s)character \\d+: expected .+"));
            }
        }
    }

    @Test
    public void whatJsonCannotSayIsNotWritten() {
        for (Object value : Arrays.asList(Double.NaN, Double.NEGATIVE_INFINITY, 'c', Jobs.list(Jobs.list(Double.NaN)))) {
            try {
                fail("wrote " + Json.write(value));
            } catch (IllegalArgumentException refused) {
                assertTrue(refused.getMessage().startsWith("JSON has no"));
            }
        }
    }
}
