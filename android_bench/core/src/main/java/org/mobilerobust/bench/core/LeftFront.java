package org.mobilerobust.bench.core;

/** Thrown where the phone shows something else: Android gives an app that nobody sees fewer and slower cores. */
final class LeftFront extends Exception {
    private static final long serialVersionUID = 1;

    private LeftFront() {
        super("the app left the front: the screen went off, or something else was opened; start again");
    }

    static void check(Device device) throws LeftFront {
        if (!device.inFront()) {
            throw new LeftFront();
        }
    }
}
