package org.tensorflow.lite;

/** In the runtime's package, because it tells only that how many nodes it executes. */
public final class ExecutionPlan {
    private ExecutionPlan() {}

    /** Nodes of one inference; every delegate's part of the graph is one. */
    public static int length(Interpreter interpreter) {
        return interpreter.getExecutionPlanLength();
    }
}
