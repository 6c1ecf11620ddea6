"""The benchmark app as a signed APK, made with plain SDK tools: javac, d8 or dx, clang, aapt2, zipalign, apksigner.

Same sources, same bytes but for the signature. What the build leaves is checked before anyone gets it.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from pathlib import Path

from mobile_robust import __version__
from mobile_robust.bench.android.apk.app import BENCH, LIBRARY, RUNTIME
from mobile_robust.bench.android.apk.coordinates import parse, read_dependencies, sources
from mobile_robust.bench.android.apk.maven import Notify, fetch, read_lock
from mobile_robust.bench.android.apk.steps import build, compile_java, link, pack, unpack
from mobile_robust.bench.android.apk.toolchain import ABIS, LARGE_PAGE, MIN_SDK, Toolchain, find
from mobile_robust.errors import InputError
from mobile_robust.files import sha256

#: In the APK: what it was built from.
RECORD = "assets/build.json"
_CODE = ("core/src/main", "app/src/main")
_RESOURCES = "app/src/main/res"
_NATIVE = "app/src/main/native/xnnpack.c"
#: Clang's names of the machines.
_MACHINES = {"arm64-v8a": "aarch64", "x86_64": "x86_64"}
_MANIFEST = "AndroidManifest.xml"


def build_apk(out: Path, notify: Notify = lambda _: None) -> Path:
    """Builds, signs and checks the app; gives the path of the APK.

    Args:
        out: Folder; gets the APK, under a temporary name until it is whole.
        notify: Gets one line a step, before a download, and on what the checks have found.

    Raises:
        InputError: Tools are missing, Maven Central cannot be reached, a tool failed, or the APK fails a check.
    """
    folder = sources()
    tools = find(folder, notify)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: cannot be made: {error.strerror}") from None
    linked = read_dependencies(folder)["app"]
    return build(BENCH, lambda scratch: (assemble(folder, tools, scratch, notify), linked), tools, out, notify)


def current_apk(out: Path) -> Path | None:
    """The APK that :func:`build_apk` has left in a folder, where it was built from these very sources."""
    path = out / BENCH.apk
    try:
        with zipfile.ZipFile(path) as apk:
            built_from = apk.read(RECORD)
    except (OSError, KeyError, zipfile.BadZipFile, zlib.error, RuntimeError):  # damaged, encrypted
        return None
    return path if built_from == _record(sources()) else None


def assemble(folder: Path, tools: Toolchain, scratch: Path, notify: Notify = lambda _: None) -> Path:
    """The APK of the sources in ``folder``, unsigned, aligned; everything in between goes to ``scratch`` as well."""
    libraries = fetch(read_dependencies(folder)["app"], notify=notify)
    jars, packed = unpack(libraries, scratch / "libraries")
    notify("native code")
    for abi in ABIS:
        library = f"lib/{abi}/{LIBRARY}"
        packed[library] = _native(folder / _NATIVE, abi, packed[f"lib/{abi}/{RUNTIME}"], tools, scratch / abi)
    notify("resources")
    linked, generated = link(folder / _MANIFEST, folder / _RESOURCES, tools, scratch)
    notify("classes")
    roots = [*(folder / code / "java" for code in _CODE), generated]
    classes = compile_java(roots, jars, tools, scratch / "classes")
    dex = tools.dex([classes, *jars], scratch)
    return pack({**linked, **packed, "classes.dex": dex.read_bytes(), RECORD: _record(folder)}, tools, scratch)


def _native(source: Path, abi: str, runtime: bytes, tools: Toolchain, scratch: Path) -> bytes:
    """Our library for an ABI: of one C file that needs neither headers nor a C library, so clang alone builds it."""
    scratch.mkdir()
    (scratch / RUNTIME).write_bytes(runtime)
    linked = ("-shared", "-fPIC", "-nostdlib", f"--ld-path={tools.programs['ld.lld']}", "-L", scratch)
    # no build ID: same sources, same bytes wherever they lie
    layout = (f"-Wl,-soname,{LIBRARY}", f"-Wl,-z,max-page-size={LARGE_PAGE}", "-Wl,--build-id=none")
    files = ("-o", scratch / LIBRARY, source, f"-l:{RUNTIME}")
    target = f"--target={_MACHINES[abi]}-linux-android{MIN_SDK}"
    tools.run("clang", target, "-O2", "-std=c11", "-Wall", "-Wextra", "-Werror", *linked, *layout, *files)
    return (scratch / LIBRARY).read_bytes()


def _record(folder: Path) -> bytes:
    """What goes into the APK, as JSON: version, runtime, and a hash over the sources and all that is linked."""
    locked, scopes = read_lock(), read_dependencies(folder)
    linked = [*scopes["app"], *scopes["compile"]]
    parts = [sha256(folder / name) for name in (_MANIFEST, *_CODE)] + [locked.get(text, text) for text in linked]
    (runtime,) = (parse(text).version for text in scopes["app"] if parse(text).artifact == "tensorflow-lite")
    record = {
        "version": __version__,
        "runtime": {"name": "tflite", "version": runtime},
        "linked": linked,
        "sources_sha256": hashlib.sha256("\n".join(parts).encode()).hexdigest(),
    }
    return json.dumps(record, indent=2).encode()
