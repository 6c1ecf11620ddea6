package org.mobilerobust.bench.core;

import java.util.ArrayList;
import java.util.List;

/** An input or output of an artifact: float32, named as in the file's signature. */
public final class Tensor {
    /** Values of one tensor; a direct buffer of them has at most 2 GiB. */
    private static final int MOST = Integer.MAX_VALUE / 4;

    public final String name;
    public final int[] shape;
    /** How many values it has. */
    public final int size;

    Tensor(Fields fields) throws JobException {
        name = fields.string("name");
        shape = fields.integers("shape", 1, MOST);
        long values = 1;
        for (int length : shape) {
            values = Math.min(values * length, MOST + 1L);
        }
        if (values > MOST) {
            throw fields.wrong("shape", "a shape of at most " + MOST + " values");
        }
        size = (int) values;
        fields.end();
    }

    /** The tensors of a list of the job. */
    static List<Tensor> list(Fields fields, String name) throws JobException {
        List<Tensor> found = new ArrayList<Tensor>();
        for (Fields tensor : fields.objects(name)) {
            found.add(new Tensor(tensor));
        }
        return found;
    }

    /** The shape as JSON has it. */
    List<Object> dimensions() {
        List<Object> found = new ArrayList<Object>();
        for (int length : shape) {
            found.add(length);
        }
        return found;
    }
}
