"""The benchmark app as a signed APK, made with plain SDK tools: javac, d8 or dx, clang, aapt2, zipalign, apksigner.

Same sources, same bytes but for the signature, as long as the tools are the same: files go in by name, carry no date
and are not compressed, so that no version of zlib has a say. What the build leaves is checked before anyone gets it.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from mobile_robust import __version__
from mobile_robust.bench.android.apk.coordinates import parse, read_dependencies, sources
from mobile_robust.bench.android.apk.maven import Notify, fetch, read_lock
from mobile_robust.bench.android.apk.signing import sign
from mobile_robust.bench.android.apk.toolchain import ABIS, COMPILE_SDK, LARGE_PAGE, MIN_SDK, Toolchain, find
from mobile_robust.bench.android.apk.verify import LIBRARY, RUNTIME, licence_path, verify
from mobile_robust.errors import InputError
from mobile_robust.files import output_lock, sha256, write_output

APK_NAME = "mobile-robust-bench.apk"
#: In the APK: what it was built from.
RECORD = "assets/build.json"
_CODE = ("core/src/main", "app/src/main")
_RESOURCES = "app/src/main/res"
_NATIVE = "app/src/main/native/xnnpack.c"
#: Clang's names of the machines.
_MACHINES = {"arm64-v8a": "aarch64", "x86_64": "x86_64"}
_MANIFEST = "AndroidManifest.xml"
#: Every warning, but that Java 8 is old, and that annotations of the framework are not part of it.
_LINT = ("-Werror", "-Xlint:all,-options,-classfile")
_KNOWN_WARNING = re.compile(r"unexpected element <uses-native-library>")


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
    with output_lock(out), tempfile.TemporaryDirectory() as scratch:
        unsigned = assemble(folder, tools, Path(scratch), notify)
        notify("signing and checking")
        signed = sign(unsigned, tools, Path(scratch))
        for line in verify(signed, tools, version_code(__version__)):
            notify(line)
        write_output(out / APK_NAME, signed.read_bytes())
    return out / APK_NAME


def current_apk(out: Path) -> Path | None:
    """The APK that :func:`build_apk` has left in a folder, where it was built from these very sources."""
    path = out / APK_NAME
    try:
        with zipfile.ZipFile(path) as apk:
            built_from = apk.read(RECORD)
    except (OSError, KeyError, zipfile.BadZipFile, zlib.error, RuntimeError):  # damaged, encrypted
        return None
    return path if built_from == _record(sources()) else None


def version_code(version: str) -> int:
    """Android's number for a version: 1.2.3 is 10203; it must grow for the app to be updated."""
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    if found is None:
        raise ValueError(f"version {version!r} does not begin with three numbers")
    major, minor, patch = map(int, found.groups())
    return 10000 * major + 100 * minor + patch


def assemble(folder: Path, tools: Toolchain, scratch: Path, notify: Notify = lambda _: None) -> Path:
    """The APK of the sources in ``folder``, unsigned, aligned; everything in between goes to ``scratch`` as well."""
    libraries = fetch(read_dependencies(folder)["app"], notify=notify)
    jars, packed = _unpack(libraries, scratch / "libraries")
    notify("native code")
    for abi in ABIS:
        library = f"lib/{abi}/{LIBRARY}"
        packed[library] = _native(folder / _NATIVE, abi, packed[f"lib/{abi}/{RUNTIME}"], tools, scratch / abi)
    notify("resources")
    linked, generated = _link(folder, tools, scratch)
    notify("classes")
    classes = _compile(folder, generated, jars, tools, scratch / "classes")
    dex = tools.dex([classes, *jars], scratch)
    with zipfile.ZipFile(linked) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    archived = scratch / "packed.apk"
    _pack(archived, {**content, **packed, "classes.dex": dex.read_bytes(), RECORD: _record(folder)})
    aligned = scratch / "aligned.apk"
    tools.run("zipalign", "-p", "4", archived, aligned)  # -p: .so files begin at a page
    return aligned


def _unpack(libraries: Mapping[str, Path], folder: Path) -> tuple[list[Path], dict[str, bytes]]:
    """The classes of Android libraries as jars; and their native code and licences by their paths in the APK."""
    folder.mkdir()
    jars, packed = [], {}
    for coordinate, library in libraries.items():
        with zipfile.ZipFile(library) as archive:
            jar = folder / f"{library.stem}.jar"
            jar.write_bytes(archive.read("classes.jar"))
            jars.append(jar)
            for abi in ABIS:
                found = [name for name in archive.namelist() if name.startswith(f"jni/{abi}/") and name.endswith(".so")]
                packed.update({f"lib/{abi}/{Path(name).name}": archive.read(name) for name in found})
            if "LICENSE" in archive.namelist():
                packed[licence_path(coordinate)] = archive.read("LICENSE")
    return jars, packed


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


def _link(folder: Path, tools: Toolchain, scratch: Path) -> tuple[Path, Path]:
    """Manifest and resources as Android reads them, in an archive; and the folder of R.java."""
    compiled, linked, generated = scratch / "resources.zip", scratch / "linked.apk", scratch / "generated"
    tools.run("aapt2", "compile", "--dir", folder / _RESOURCES, "-o", compiled)
    versions = ("--version-name", __version__, "--version-code", str(version_code(__version__)))
    levels = ("--min-sdk-version", str(MIN_SDK), "--target-sdk-version", str(COMPILE_SDK))
    inputs = ("--manifest", folder / _MANIFEST, "-I", tools.framework, compiled)
    # An aapt2 older than Android 12 takes what it does not know into the manifest, but only so, and with a warning.
    outputs = ("-o", linked, "--java", generated, "--warn-manifest-validation")
    said = tools.run("aapt2", "link", *outputs, *versions, *levels, *inputs)
    warnings = [line for line in said.splitlines() if " warn: " in line and not _KNOWN_WARNING.search(line)]
    if warnings:
        raise InputError("aapt2 does not take the manifest as it is:\n" + "\n".join(warnings))
    return linked, generated


def _compile(folder: Path, generated: Path, jars: Sequence[Path], tools: Toolchain, out: Path) -> Path:
    roots = [*(folder / code / "java" for code in _CODE), generated]
    files = sorted(path for root in roots for path in root.rglob("*.java"))
    out.mkdir()
    classpath = ":".join(map(str, [tools.framework, *jars]))
    options = ("--release", "8", "-encoding", "UTF-8", "-proc:none", "-g:source,lines", *_LINT)
    tools.run("javac", *options, "-classpath", classpath, "-d", out, *files)
    return out


def _pack(path: Path, content: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(content):
            archive.writestr(zipfile.ZipInfo(name), content[name])  # a ZipInfo of 1980, stored


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
