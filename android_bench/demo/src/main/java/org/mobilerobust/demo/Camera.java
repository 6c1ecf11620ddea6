package org.mobilerobust.demo;

import android.content.Context;
import android.graphics.ImageFormat;
import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraCaptureSession;
import android.hardware.camera2.CameraCharacteristics;
import android.hardware.camera2.CameraDevice;
import android.hardware.camera2.CameraManager;
import android.hardware.camera2.CaptureRequest;
import android.hardware.camera2.params.StreamConfigurationMap;
import android.media.Image;
import android.media.ImageReader;
import android.os.Handler;
import android.util.Size;
import java.util.Collections;

/** The newest frame of the camera at the back, again and again. Everything is called on the handler's thread. */
final class Camera extends CameraDevice.StateCallback implements ImageReader.OnImageAvailableListener {
    interface Listener {
        /** The next frame comes after this returns; frames in between are dropped. */
        void seen(Frame frame);

        void failed(String why);
    }

    private final CameraManager manager;
    private final Handler handler;
    private final Listener listener;
    private final int displayDegrees;
    private ImageReader reader;
    private CameraDevice device;
    private int degrees;
    private boolean closed;

    /** {@code displayDegrees}: how far the screen is turned from the phone's own position. */
    Camera(Context context, Handler handler, int displayDegrees, Listener listener) {
        this.manager = context.getSystemService(CameraManager.class);
        this.handler = handler;
        this.displayDegrees = displayDegrees;
        this.listener = listener;
    }

    /** With frames whose sides are {@code least} pixels or more. */
    void open(int least) {
        try {
            String id = back();
            CameraCharacteristics facts = manager.getCameraCharacteristics(id);
            degrees = (facts.get(CameraCharacteristics.SENSOR_ORIENTATION) - displayDegrees + 360) % 360;
            StreamConfigurationMap map = facts.get(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP);
            Size size = smallest(map.getOutputSizes(ImageFormat.YUV_420_888), least);
            reader = ImageReader.newInstance(size.getWidth(), size.getHeight(), ImageFormat.YUV_420_888, 2);
            reader.setOnImageAvailableListener(this, handler);
            manager.openCamera(id, this, handler);
        } catch (CameraAccessException | SecurityException | IllegalArgumentException problem) {
            listener.failed(problem.getMessage());
        }
    }

    void close() {
        closed = true;
        if (device != null) {
            device.close();
        }
        if (reader != null) {
            reader.close();
        }
    }

    private String back() throws CameraAccessException {
        for (String id : manager.getCameraIdList()) {
            Integer facing = manager.getCameraCharacteristics(id).get(CameraCharacteristics.LENS_FACING);
            if (facing != null && facing == CameraCharacteristics.LENS_FACING_BACK) {
                return id;
            }
        }
        throw new IllegalArgumentException("there is no camera at the back");
    }

    /** The smallest size with both sides of {@code least} pixels or more; the largest where there is none. */
    private static Size smallest(Size[] sizes, int least) {
        Size best = sizes[0];
        for (Size size : sizes) {
            boolean fits = Math.min(size.getWidth(), size.getHeight()) >= least;
            boolean bestFits = Math.min(best.getWidth(), best.getHeight()) >= least;
            boolean smaller = size.getWidth() * size.getHeight() < best.getWidth() * best.getHeight();
            if (fits != bestFits ? fits : smaller == fits) {
                best = size;
            }
        }
        return best;
    }

    @Override
    @SuppressWarnings("deprecation") // what came after it is not in Android 8
    public void onOpened(CameraDevice opened) {
        device = opened;
        if (closed) {
            device.close();
            return;
        }
        try {
            final CaptureRequest.Builder request = device.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW);
            request.addTarget(reader.getSurface());
            device.createCaptureSession(Collections.singletonList(reader.getSurface()),
                    new CameraCaptureSession.StateCallback() {
                        @Override
                        public void onConfigured(CameraCaptureSession session) {
                            try {
                                session.setRepeatingRequest(request.build(), null, handler);
                            } catch (CameraAccessException | IllegalStateException problem) { // closed by now
                                listener.failed(problem.getMessage());
                            }
                        }

                        @Override
                        public void onConfigureFailed(CameraCaptureSession session) {
                            listener.failed("the camera does not give such frames");
                        }
                    }, handler);
        } catch (CameraAccessException problem) {
            listener.failed(problem.getMessage());
        }
    }

    @Override
    public void onDisconnected(CameraDevice lost) {
        lost.close();
        listener.failed("the camera is used by another app");
    }

    @Override
    public void onError(CameraDevice broken, int code) {
        broken.close();
        listener.failed("the camera failed with code " + code);
    }

    @Override
    public void onImageAvailable(ImageReader source) {
        Image image = closed ? null : source.acquireLatestImage();
        if (image == null) {
            return;
        }
        Frame frame;
        try {
            Image.Plane[] planes = image.getPlanes();
            frame = Frame.upright(plane(planes[0]), plane(planes[1]), plane(planes[2]), image.getWidth(),
                    image.getHeight(), degrees);
        } finally {
            image.close();
        }
        listener.seen(frame);
    }

    private static Frame.Plane plane(Image.Plane plane) {
        return new Frame.Plane(plane.getBuffer(), plane.getRowStride(), plane.getPixelStride());
    }
}
