package org.mobilerobust.bench.core;

/** A job that cannot be carried out; the message names the field, what is wrong and what is allowed. */
public final class JobException extends Exception {
    private static final long serialVersionUID = 1;

    JobException(String message) {
        super(message);
    }
}
