package org.mobilerobust.demo;

import java.nio.ByteBuffer;

/** A frame of the camera as an upright photo: pixels 0xFFRRGGBB, row by row. */
final class Frame {
    final int[] pixels;
    final int width;
    final int height;

    private Frame(int[] pixels, int width, int height) {
        this.pixels = pixels;
        this.width = width;
        this.height = height;
    }

    /** One of the three planes of ImageFormat.YUV_420_888; strides in bytes. */
    static final class Plane {
        private final ByteBuffer bytes;
        private final int rowStride;
        private final int pixelStride;

        Plane(ByteBuffer bytes, int rowStride, int pixelStride) {
            this.bytes = bytes;
            this.rowStride = rowStride;
            this.pixelStride = pixelStride;
        }

        int at(int x, int y) {
            return bytes.get(y * rowStride + x * pixelStride) & 255;
        }
    }

    /**
     * Of a frame of {@code width} x {@code height} pixels as the sensor has it, with half as many of {@code u} and
     * {@code v} in both directions (JFIF: BT.601, all of 0 to 255), turned clockwise by 0, 90, 180 or 270 degrees.
     */
    static Frame upright(Plane luma, Plane u, Plane v, int width, int height, int degrees) {
        boolean sideways = degrees % 180 != 0;
        Frame frame = new Frame(new int[width * height], sideways ? height : width, sideways ? width : height);
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                int pixel = rgb(luma.at(x, y), u.at(x / 2, y / 2) - 128, v.at(x / 2, y / 2) - 128);
                frame.pixels[frame.index(x, y, degrees)] = pixel;
            }
        }
        return frame;
    }

    /** Where a pixel of the sensor goes. */
    private int index(int x, int y, int degrees) {
        switch (degrees) {
            case 0:
                return y * width + x;
            case 90:
                return x * width + (width - 1 - y);
            case 180:
                return (height - 1 - y) * width + (width - 1 - x);
            case 270:
                return (height - 1 - x) * width + y;
            default:
                throw new IllegalArgumentException(degrees + " degrees");
        }
    }

    private static int rgb(int luma, int u, int v) {
        int red = level(luma + 1.402f * v);
        int green = level(luma - 0.344136f * u - 0.714136f * v);
        int blue = level(luma + 1.772f * u);
        return 0xff000000 | red << 16 | green << 8 | blue;
    }

    private static int level(float value) {
        return Math.max(0, Math.min(255, Math.round(value)));
    }
}
