package org.mobilerobust.bench;

import java.io.File;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.mobilerobust.bench.core.Engine;
import org.mobilerobust.bench.core.Model;
import org.tensorflow.lite.DataType;
import org.tensorflow.lite.Delegate;
import org.tensorflow.lite.ExecutionPlan;
import org.tensorflow.lite.Interpreter;
import org.tensorflow.lite.gpu.GpuDelegate;
import org.tensorflow.lite.gpu.GpuDelegateFactory;

/**
 * An artifact in TensorFlow Lite: on the CPU by XNNPACK, or on the GPU by its delegate and nothing else.
 *
 * <p>A sample is what the runtime itself says its last inference lasted: {@code System.nanoTime()} right before and
 * right after the call of its native {@code Invoke}. The copies from our buffers into its own before, and back after,
 * are not in it; the GPU delegate's transfers to the GPU and back are.
 */
final class TfLiteEngine implements Engine {
    private static final String SIGNATURE = "serving_default";

    private final Delegate delegate;
    private final Interpreter interpreter;
    private final ByteBuffer[] inputs;
    private final ByteBuffer[] outputs;
    private final Map<String, Object> inputsByName = new LinkedHashMap<String, Object>();
    private final Map<String, Object> outputsByName = new LinkedHashMap<String, Object>();

    TfLiteEngine(File artifact, Model model, int threads) {
        delegate = model.gpu ? gpu("fp16".equals(model.arithmetic)) : new XnnpackDelegate(threads);
        // The runtime adds no XNNPACK of its own: it would have one thread, and on a GPU it would hide in the execution
        // plan what the GPU left.
        Interpreter.Options options =
                new Interpreter.Options().setNumThreads(threads).setUseXNNPACK(false).addDelegate(delegate);
        Interpreter opened = null;
        try {
            opened = new Interpreter(artifact, options);
            opened.allocateTensors();
            inputs = buffers(model.inputs, opened, true, inputsByName);
            outputs = buffers(model.outputs, opened, false, outputsByName);
        } catch (RuntimeException refused) {
            close(opened, delegate);
            throw refused;
        }
        interpreter = opened;
    }

    @Override
    public ByteBuffer[] inputs() {
        return inputs;
    }

    @Override
    public ByteBuffer[] outputs() {
        return outputs;
    }

    @Override
    public long run() {
        for (ByteBuffer output : outputs) {
            ((Buffer) output).clear();
        }
        interpreter.runSignature(inputsByName, outputsByName, SIGNATURE);
        return interpreter.getLastNativeInferenceDurationNanoseconds();
    }

    @Override
    public int planLength() {
        return ExecutionPlan.length(interpreter);
    }

    @Override
    public void close() {
        close(interpreter, delegate);
    }

    private static Delegate gpu(boolean fp16) {
        return new GpuDelegate(new GpuDelegateFactory.Options()
                .setPrecisionLossAllowed(fp16)
                .setQuantizedModelsAllowed(true)
                .setInferencePreference(GpuDelegateFactory.Options.INFERENCE_PREFERENCE_SUSTAINED_SPEED));
    }

    /** The delegate last: the interpreter uses it to its end. */
    private static void close(Interpreter interpreter, Delegate delegate) {
        if (interpreter != null) {
            interpreter.close();
        }
        delegate.close();
    }

    /** One buffer a tensor, which must be in the file as the job has it. */
    private static ByteBuffer[] buffers(
            List<org.mobilerobust.bench.core.Tensor> tensors, Interpreter interpreter, boolean in,
            Map<String, Object> byName) {
        String kind = in ? "input" : "output";
        String[] names = in ? interpreter.getSignatureInputs(SIGNATURE) : interpreter.getSignatureOutputs(SIGNATURE);
        ByteBuffer[] found = new ByteBuffer[tensors.size()];
        if (names.length != found.length) {
            throw new IllegalArgumentException("the file has the " + kind + "s " + Arrays.toString(names)
                    + ", but the job " + found.length);
        }
        for (int i = 0; i < found.length; i++) {
            org.mobilerobust.bench.core.Tensor wanted = tensors.get(i);
            org.tensorflow.lite.Tensor tensor = in
                    ? interpreter.getInputTensorFromSignature(wanted.name, SIGNATURE)
                    : interpreter.getOutputTensorFromSignature(wanted.name, SIGNATURE);
            if (tensor.dataType() != DataType.FLOAT32 || !Arrays.equals(tensor.shape(), wanted.shape)) {
                throw new IllegalArgumentException("the file's " + kind + " " + wanted.name + " is "
                        + tensor.dataType() + " of shape " + Arrays.toString(tensor.shape())
                        + ", but the job's FLOAT32 of shape " + Arrays.toString(wanted.shape));
            }
            found[i] = ByteBuffer.allocateDirect(4 * wanted.size).order(ByteOrder.LITTLE_ENDIAN);
            byName.put(wanted.name, found[i]);
        }
        return found;
    }
}
