"""Compiles and runs the Java of ``android_bench/`` on this machine, against the jars that the APK is built from."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import zipfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import pytest

from mobile_robust.bench.android.apk.app import PACKAGE
from mobile_robust.bench.android.apk.coordinates import parse, read_dependencies, sources
from mobile_robust.bench.android.apk.maven import fetch
from mobile_robust.bench.android.apk.toolchain import COMPILE_SDK, KOTLIN, MIN_SDK, SHORT_LIVED
from mobile_robust.errors import InputError
from tests.bench.android.harness import skip
from tests.shared import built_once

SOURCES = sources()
_CORE, _APP = SOURCES / "core/src", SOURCES / "app/src"
_TIMEOUT_SECONDS = 900
#: Whether this machine runs the APK's libraries for x86_64.
IS_X86_64 = platform.machine() == "x86_64" and platform.system() == "Linux"


def program(name: str, package: str) -> str:
    """Its path; skips where it is missing."""
    if (path := shutil.which(name)) is None:
        skip(f"there is no {name} (on Debian: {package})")
    return str(path)


def call(*command: object, **options: object) -> str:
    """Runs a program and gives what it printed; fails with that if the program does."""
    done = subprocess.run(
        ["nice", *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        timeout=_TIMEOUT_SECONDS,
        **options,
    )
    if done.returncode:
        name = Path(str(command[0])).name
        pytest.fail(f"{name}: exit code {done.returncode}\n{_shortened(done.stdout)}", pytrace=False)
    return done.stdout


class Java:
    """What is unpacked in a folder of this process, and compiled once for all of pytest-xdist's."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory, self.folder = factory, factory.mktemp("java")
        self._javac, self._java = program("javac", "default-jdk-headless"), program("java", "default-jdk-headless")
        self._dependencies = read_dependencies(SOURCES)

    def jars(self, *scopes: str) -> list[Path]:
        """Of dependencies.txt; of an Android archive its classes. Skips where they cannot be had."""
        found = self._downloaded([text for scope in scopes for text in self._dependencies[scope]])
        return [self._classes(path) if path.suffix == ".aar" else path for path in found]

    def framework(self) -> Path:
        """Folder in which Robolectric finds the Android that it runs."""
        (path,) = (path for path in self.jars("test") if path.name.startswith("android-all-instrumented"))
        return path.parent

    def library(self, artifact: str, abi: str) -> Path:
        """Folder of the native libraries of an artifact of the app."""
        (text,) = (text for text in self._dependencies["app"] if parse(text).artifact == artifact)
        with zipfile.ZipFile(self._downloaded([text])[0]) as archive:
            for name in archive.namelist():
                if name.startswith(f"jni/{abi}/"):
                    archive.extract(name, self.folder / artifact)
        return self.folder / artifact / "jni" / abi

    def runtime(self) -> tuple[Path, dict[str, str]]:
        """Folder of the app's runtime for x86_64, and the environment in which this machine's Java loads it: with a C
        library that has what Android's has and this one's has not."""
        compiler, bionic = program("cc", "gcc"), self.folder / "bionic"
        if not bionic.exists():
            bionic.mkdir()
            (bionic / "versions").write_text("LIBC { global: *; };\n")
            flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-fno-builtin", "-Wl,-soname,libc.so"]
            source = Path(__file__).with_name("java_bionic.c")
            script = f"-Wl,--version-script={bionic / 'versions'}"
            call(compiler, *flags, script, "-o", bionic / "libc.so", source, "-lm")
            for name in ("libm.so", "libdl.so", "liblog.so"):
                (bionic / name).symlink_to("libc.so")
        return self.library("tensorflow-lite", "x86_64"), {**os.environ, "LD_LIBRARY_PATH": str(bionic)}

    def kotlin(self, files: Sequence[Path]) -> Path:
        """Folder of the classes of Kotlin files that use Android and the app's libraries; a warning is an error."""
        out, compiler = self.folder / "kotlin", self.jars("kotlin")
        path = os.pathsep.join(map(str, [*self.jars("app", "compile"), *compiler]))
        main, *options = KOTLIN
        self.run(main, compiler, *options, "-classpath", path, "-d", out, *files)
        return out

    def compile(self, files: Sequence[Path], classes: Sequence[Path], out: Path, *options: str) -> Path:
        """``out``, which gets the classes of Java files: of Java 8, as the build's."""
        lint = "-Xlint:all,-options,-classfile,-processing,-deprecation"
        path = os.pathsep.join(map(str, classes))
        how = ["--release", "8", "-encoding", "UTF-8", "-proc:none", lint, *options, "-cp", path, "-d", out]
        call(self._javac, *(f"-J{flag}" for flag in SHORT_LIVED), *how, *files)
        return out

    @cached_property
    def core(self) -> list[Path]:
        """Classes of the core and of its tests."""
        core = self._compile("core", [_CORE / "main"], [])
        return [core, self._compile("core-tests", [_CORE / "test"], [core, *self.jars("test")])]

    @cached_property
    def app(self) -> list[Path]:
        """Classes of the app, and those of all tests."""
        libraries = self.jars("app", "compile")
        app = self._compile("app", [_CORE / "main", _APP / "main"], libraries)
        return [app, self._compile("app-tests", [_CORE / "test", _APP / "test"], [app, *libraries, *self.jars("test")])]

    def resources(self) -> Path:
        """Folder in which Robolectric finds the app's manifest and resources, as the APK has them."""
        folder, aapt2 = self.folder / "resources", program("aapt2", "aapt")
        settings = folder / "com/android/tools/test_config.properties"
        settings.parent.mkdir(parents=True)
        call(aapt2, "compile", "--dir", _APP / "main/res", "-o", folder / "compiled.zip")
        (framework,) = self.jars("compile")
        manifest, linked = SOURCES / "AndroidManifest.xml", folder / "linked.apk"
        levels = ("--min-sdk-version", MIN_SDK, "--target-sdk-version", COMPILE_SDK, "--warn-manifest-validation")
        inputs = ("--manifest", manifest, "-I", framework, folder / "compiled.zip")
        call(aapt2, "link", "-o", linked, *levels, *inputs)
        settings.write_text(
            f"android_merged_manifest={manifest}\nandroid_resource_apk={linked}\nandroid_custom_package={PACKAGE}\n"
        )
        return folder

    def run(self, main: str, classes: Sequence[Path], *arguments: object, **options: object) -> str:
        """Runs a class; arguments that begin with -D are properties. Gives what it printed."""
        properties = [word for word in arguments if str(word).startswith("-D")]
        others = [word for word in arguments if word not in properties]
        path = os.pathsep.join(map(str, classes))
        return call(
            self._java, *SHORT_LIVED, "-Dfile.encoding=UTF-8", *properties, "-cp", path, main, *others, **options
        )

    def test(self, module: str, classes: Sequence[Path], *properties: str) -> str:
        """Runs the tests of a module of the sources, core or app; fails with their messages."""
        root = SOURCES / module / "src/test/java"
        names = [".".join(path.relative_to(root).with_suffix("").parts) for path in sorted(root.rglob("*Test.java"))]
        assert names
        return self.run("org.junit.runner.JUnitCore", classes, *properties, *names)

    def _compile(self, name: str, roots: Sequence[Path], classes: Sequence[Path]) -> Path:
        """As the build does: Java 8. Warnings are errors; those about the Android jar's own classes are not given."""
        files = sorted(path for root in roots for path in (root / "java").rglob("*.java"))
        strict = ["-Werror"] if name.startswith("core") else []
        return built_once(self._factory, f"java_{name}", lambda out: self.compile(files, classes, out, *strict))

    def _downloaded(self, texts: Sequence[str]) -> list[Path]:
        try:
            return list(fetch(texts).values())
        except InputError as error:
            skip(str(error))

    def _classes(self, archive: Path) -> Path:
        target = self.folder / f"{archive.stem}.jar"
        if not target.exists():
            with zipfile.ZipFile(archive) as opened:
                target.write_bytes(opened.read("classes.jar"))
        return target


def _shortened(text: str) -> str:
    """Without the lines of Java's own calls, and not too long."""
    noise = ("at java.", "at jdk.", "at org.junit.", "at org.robolectric.", "warning: ")
    lines = [line for line in text.splitlines() if not line.strip().startswith(noise)]
    return "\n".join(lines[:400])
