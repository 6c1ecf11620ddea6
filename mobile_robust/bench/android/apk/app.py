"""What is known of an Android app of ours before it is built, and must be found in its APK."""

from __future__ import annotations

from dataclasses import dataclass

#: The runtime's native code.
RUNTIME = "libtensorflowlite_jni.so"


@dataclass(frozen=True)
class App:
    """An app with one activity.

    Attributes:
        apk: Name of the APK's file.
        package: Of the app.
        activity: Whole name of its class.
        guard: Permission that whoever starts the activity must have; None: it is in the phone's launcher.
        permissions: What the app asks for.
        debuggable: Whether adb's run-as may read and write its files.
        opencl: Whether it asks for the phone's OpenCL, and can do without.
        classes: Names of classes that must be there, beside the activity.
        libraries: Names of native libraries that must be there for every ABI.
    """

    apk: str
    package: str
    activity: str
    guard: str | None = None
    permissions: tuple[str, ...] = ()
    debuggable: bool = False
    opencl: bool = False
    classes: tuple[str, ...] = ()
    libraries: tuple[str, ...] = (RUNTIME,)


#: Of the benchmark app, and the native library built for it.
PACKAGE, LIBRARY = "org.mobilerobust.bench", "libmobile_robust_xnnpack.so"
#: The benchmark app. DUMP is held by adb's shell and by no app: nobody else can start the activity.
BENCH = App(
    apk="mobile-robust-bench.apk",
    package=PACKAGE,
    activity=f"{PACKAGE}.BenchActivity",
    guard="android.permission.DUMP",
    debuggable=True,
    opencl=True,
    classes=("org.tensorflow.lite.Interpreter", "org.tensorflow.lite.gpu.GpuDelegate"),
    libraries=(LIBRARY, RUNTIME, "libtensorflowlite_gpu_jni.so"),
)
