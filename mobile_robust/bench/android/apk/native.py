"""The app's native code: one C file that needs neither headers nor a C library, so clang alone builds it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mobile_robust.bench.android.apk.toolchain import LARGE_PAGE, MIN_SDK, Toolchain

#: ABI of the APK -> clang's name of the machine.
TARGETS = {"arm64-v8a": f"aarch64-linux-android{MIN_SDK}", "x86_64": f"x86_64-linux-android{MIN_SDK}"}
ABIS = tuple(TARGETS)
#: What comes of it, and the runtime's library whose functions it calls.
LIBRARY, RUNTIME = "libmobile_robust_xnnpack.so", "libtensorflowlite_jni.so"


def build_native(source: Path, native: Mapping[str, bytes], tools: Toolchain, scratch: Path) -> dict[str, bytes]:
    """Compiles and links a C file for every ABI, in a folder ``scratch`` that is not there yet.

    ``native`` and what is returned: libraries by their path in the APK, in ``native`` those of the runtime."""
    built = {}
    for abi, target in TARGETS.items():
        folder = scratch / abi
        folder.mkdir(parents=True)
        (folder / RUNTIME).write_bytes(native[f"lib/{abi}/{RUNTIME}"])
        warnings = ("-std=c11", "-Wall", "-Wextra", "-Werror")
        linked = ("-shared", "-fPIC", "-nostdlib", f"--ld-path={tools.programs['ld.lld']}", "-L", folder)
        # no build ID: same sources, same bytes wherever they lie
        layout = (f"-Wl,-soname,{LIBRARY}", f"-Wl,-z,max-page-size={LARGE_PAGE}", "-Wl,--build-id=none")
        library = folder / LIBRARY
        runtime = RUNTIME.removeprefix("lib").removesuffix(".so")
        tools.run(
            "clang", f"--target={target}", "-O2", *warnings, *linked, *layout, "-o", library, source, f"-l{runtime}"
        )
        built[f"lib/{abi}/{LIBRARY}"] = library.read_bytes()
    return built
