package org.mobilerobust.bench.core;

import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** SHA-256 in lower-case hexadecimal digits. */
final class Digest {
    private final MessageDigest digest;

    Digest() {
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException impossible) { // every Java and every Android has it
            throw new IllegalStateException(impossible);
        }
    }

    /** Of all of {@code content}. */
    static String of(byte[] content) {
        Digest digest = new Digest();
        digest.digest.update(content);
        return digest.end();
    }

    /** Of all that a file holds. */
    static String of(File file) throws IOException {
        Digest digest = new Digest();
        InputStream in = new FileInputStream(file);
        try {
            byte[] block = new byte[65536];
            for (int count = in.read(block); count >= 0; count = in.read(block)) {
                digest.digest.update(block, 0, count);
            }
        } finally {
            in.close();
        }
        return digest.end();
    }

    void add(byte[] content) {
        digest.update(content);
    }

    String end() {
        StringBuilder out = new StringBuilder();
        for (byte value : digest.digest()) {
            out.append(Character.forDigit((value >> 4) & 15, 16)).append(Character.forDigit(value & 15, 16));
        }
        return out.toString();
    }
}
