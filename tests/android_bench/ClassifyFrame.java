package org.mobilerobust.demo;

import com.example.classifier.Classifier;
import java.io.File;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.List;

/**
 * Folder: turns frame.bin upright by each angle into upright_DEGREES.bin, and prints what both networks say of it.
 *
 * frame.bin: width, height, row and pixel stride of the chroma (bytes), then the planes Y, U and V.
 */
public final class ClassifyFrame {
    private ClassifyFrame() { }

    public static void main(String[] arguments) throws Exception {
        File folder = new File(arguments[0]);
        ByteBuffer file = ByteBuffer.wrap(read(folder, "frame.bin")).order(ByteOrder.LITTLE_ENDIAN);
        int width = file.getInt();
        int height = file.getInt();
        int row = file.getInt();
        int pixel = file.getInt();
        Frame.Plane luma = new Frame.Plane(plane(file, width * height), width, 1);
        Frame.Plane u = new Frame.Plane(plane(file, row * height / 2), row, pixel);
        Frame.Plane v = new Frame.Plane(plane(file, row * height / 2), row, pixel);
        List<String> labels = Files.readAllLines(new File(folder, "labels.txt").toPath(), StandardCharsets.UTF_8);
        Models models = new Models(open(folder, "repaired", labels), open(folder, "baseline", labels));
        for (int degrees = 0; degrees < 360; degrees += 90) {
            Frame frame = Frame.upright(luma, u, v, width, height, degrees);
            ByteBuffer out = ByteBuffer.allocate(4 * (2 + frame.pixels.length)).order(ByteOrder.LITTLE_ENDIAN);
            out.asIntBuffer().put(frame.width).put(frame.height).put(frame.pixels);
            Files.write(new File(folder, "upright_" + degrees + ".bin").toPath(), out.array());
            System.out.println("frame " + degrees + " repaired\n" + models.classify(frame, true));
            System.out.println("frame " + degrees + " baseline\n" + models.classify(frame, false));
        }
        models.close();
    }

    private static ByteBuffer plane(ByteBuffer file, int bytes) {
        ByteBuffer plane = file.slice();
        plane.limit(bytes);
        file.position(file.position() + bytes);
        return plane;
    }

    private static Classifier open(File folder, String name, List<String> labels) throws Exception {
        byte[] content = read(folder, name + ".tflite");
        ByteBuffer model = ByteBuffer.allocateDirect(content.length).order(ByteOrder.nativeOrder()).put(content);
        model.rewind();
        return new Classifier(model, labels, 2);
    }

    private static byte[] read(File folder, String name) throws Exception {
        return Files.readAllBytes(new File(folder, name).toPath());
    }
}
