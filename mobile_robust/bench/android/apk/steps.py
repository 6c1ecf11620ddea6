"""The steps from sources to an APK that every app of ours takes: libraries, resources, classes, one archive.

Same sources, same bytes, as long as the tools are the same: files go in by name, carry no date and are not compressed,
so that no version of zlib has a say.
"""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mobile_robust import __version__
from mobile_robust.bench.android.apk.app import App
from mobile_robust.bench.android.apk.maven import Notify
from mobile_robust.bench.android.apk.signing import sign
from mobile_robust.bench.android.apk.toolchain import ABIS, COMPILE_SDK, MIN_SDK, Toolchain
from mobile_robust.bench.android.apk.verify import licence_path, verify
from mobile_robust.errors import InputError
from mobile_robust.files import output_lock, write_output

#: Every warning, but that Java 8 is old, and that annotations of the framework are not part of it.
_LINT = ("-Werror", "-Xlint:all,-options,-classfile")
_KNOWN_WARNING = re.compile(r"unexpected element <uses-native-library>")


def version_code(version: str) -> int:
    """Android's number for a version: 1.2.3 is 10203; it must grow for the app to be updated."""
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    if found is None:
        raise ValueError(f"version {version!r} does not begin with three numbers")
    major, minor, patch = map(int, found.groups())
    return 10000 * major + 100 * minor + patch


def unpack(libraries: Mapping[str, Path], folder: Path) -> tuple[list[Path], dict[str, bytes]]:
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


def link(manifest: Path, resources: Path, tools: Toolchain, scratch: Path) -> tuple[dict[str, bytes], Path]:
    """Manifest and resources as Android reads them, by their paths in the APK; and the folder of R.java."""
    compiled, linked, generated = scratch / "resources.zip", scratch / "linked.apk", scratch / "generated"
    tools.run("aapt2", "compile", "--dir", resources, "-o", compiled)
    versions = ("--version-name", __version__, "--version-code", str(version_code(__version__)))
    levels = ("--min-sdk-version", str(MIN_SDK), "--target-sdk-version", str(COMPILE_SDK))
    inputs = ("--manifest", manifest, "-I", tools.framework, compiled)
    # An aapt2 older than Android 12 takes what it does not know into the manifest, but only so, and with a warning.
    outputs = ("-o", linked, "--java", generated, "--warn-manifest-validation")
    said = tools.run("aapt2", "link", *outputs, *versions, *levels, *inputs)
    warnings = [line for line in said.splitlines() if " warn: " in line and not _KNOWN_WARNING.search(line)]
    if warnings:
        raise InputError("aapt2 does not take the manifest as it is:\n" + "\n".join(warnings))
    with zipfile.ZipFile(linked) as archive:
        return {name: archive.read(name) for name in archive.namelist()}, generated


def compile_java(roots: Sequence[Path], classpath: Sequence[Path], tools: Toolchain, out: Path) -> Path:
    """The folder of the classes of all Java files below ``roots``; a warning is an error."""
    files = sorted(path for root in roots for path in root.rglob("*.java"))
    out.mkdir()
    options = ("--release", "8", "-encoding", "UTF-8", "-proc:none", "-g:source,lines", *_LINT)
    path = ":".join(map(str, [tools.framework, *classpath]))
    tools.run("javac", *options, "-classpath", path, "-d", out, *files)
    return out


def pack(content: Mapping[str, bytes], tools: Toolchain, scratch: Path) -> Path:
    """An APK that is not signed yet: ``content`` by paths in it, aligned."""
    archived, aligned = scratch / "packed.apk", scratch / "aligned.apk"
    with zipfile.ZipFile(archived, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(content):
            archive.writestr(zipfile.ZipInfo(name), content[name])  # a ZipInfo of 1980, stored
    tools.run("zipalign", "-p", "4", archived, aligned)  # -p: .so files begin at a page
    return aligned


def build(
    app: App, assemble: Callable[[Path], tuple[Path, Sequence[str]]], tools: Toolchain, out: Path, notify: Notify
) -> Path:
    """Assembles, signs and checks an app; gives the path of the APK.

    Args:
        app: What must be found in it.
        assemble: Folder for everything in between -> the unsigned APK, and the coordinates of what it is linked from.
        tools: Of Android.
        out: Folder that exists; gets the APK, under a temporary name until it is whole.
        notify: Gets one line a step, and on what the checks have found.

    Raises:
        InputError: A tool failed, or the APK fails a check.
    """
    with output_lock(out), tempfile.TemporaryDirectory() as scratch:
        unsigned, linked = assemble(Path(scratch))
        notify("signing and checking")
        signed = sign(unsigned, tools, Path(scratch))
        for fact in verify(signed, app, linked, tools, version_code(__version__)):
            notify(fact)
        write_output(out / app.apk, signed.read_bytes())
    return out / app.apk
