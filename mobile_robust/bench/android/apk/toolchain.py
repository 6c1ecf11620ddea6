"""The tools that build the app, taken one by one from where they are.

From an installed Android SDK (ANDROID_HOME or ANDROID_SDK_ROOT): its newest build-tools and the platform that the app
is compiled against. What is not there comes from PATH, as Debian's packages put it, and from Maven Central: the
framework's classes and resources as Robolectric publishes them, and dx, repackaged, as the dexer.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mobile_robust.bench.android.apk.coordinates import read_dependencies
from mobile_robust.bench.android.apk.maven import fetch
from mobile_robust.errors import InputError

MIN_SDK = 26
ABIS = ("arm64-v8a", "x86_64")
#: Native code is made for pages of this size in bytes, so that phones with such pages can load it.
LARGE_PAGE = 16384
#: What the app is compiled against: a platform, not the newest one, lest a new SDK turn a build into one that fails.
COMPILE_SDK = 34
DEXER = "com.jakewharton.android.repackaged:dalvik-dx:16.0.1"
#: Tool -> the Debian package that brings it.
_PACKAGES = {
    "java": "default-jdk-headless",
    "javac": "default-jdk-headless",
    "keytool": "default-jdk-headless",
    "aapt2": "aapt",
    "zipalign": "zipalign",
    "apksigner": "apksigner",
    "dexdump": "dexdump",
    "clang": "clang",
    "ld.lld": "lld",
}
#: For Java that ends after seconds: no second compiler, and no garbage collector with threads of its own.
SHORT_LIVED = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
#: The compiler's class and options. Lambdas become classes, since phones make none out of nothing.
KOTLIN = (
    *("org.jetbrains.kotlin.cli.jvm.K2JVMCompiler", "-no-stdlib", "-no-reflect", "-jvm-target", "1.8", "-Werror"),
    *("-Xlambdas=class", "-Xsam-conversions=class"),
)
_JAVA_OPTIONS = {"java": SHORT_LIVED, "javac": tuple(f"-J{option}" for option in SHORT_LIVED)}
#: A tool that says nothing for so long hangs; the whole build takes seconds.
_TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class Toolchain:
    """Where everything is.

    Attributes:
        programs: Tool -> its program; d8 only where an SDK has it.
        framework: Jar of the Android classes and resources.
        dx: Jar, where there is no d8.
    """

    programs: dict[str, Path]
    framework: Path
    dx: Path | None

    def run(self, tool: str, *arguments: str | Path) -> str:
        """Runs a tool to its end; gives stdout, then stderr. Raises InputError with the first lines where it fails."""
        program = self.programs[tool]
        try:
            done = subprocess.run(
                [str(word) for word in (program, *_JAVA_OPTIONS.get(tool, ()), *arguments)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=_TIMEOUT_SECONDS,
            )
        except OSError as error:
            raise InputError(f"{program}: cannot be run: {error.strerror}") from None
        except subprocess.TimeoutExpired:
            raise InputError(f"{tool}: nothing came of it in {_TIMEOUT_SECONDS} s") from None
        if done.returncode:
            lines = (done.stderr + done.stdout).strip().splitlines()
            more = f"\n(and {len(lines) - 20} lines more)" if len(lines) > 20 else ""
            raise InputError(f"{tool} failed with exit code {done.returncode}:\n" + "\n".join(lines[:20]) + more)
        return done.stdout + done.stderr

    def kotlin(self, files: Sequence[Path], compiler: Sequence[Path], classpath: Sequence[Path], out: Path) -> Path:
        """``out``, which gets the classes of Kotlin files, made by a compiler of jars; a warning is an error."""
        path = os.pathsep.join(map(str, [self.framework, *classpath]))
        command = ("-cp", os.pathsep.join(map(str, compiler)), *KOTLIN)
        self.run("java", *command, "-classpath", path, "-d", out, *sorted(files))
        return out

    def dex(self, classes: Sequence[Path], folder: Path) -> Path:
        """Translates folders and jars of classes to ``folder/classes.dex``."""
        target = folder / "classes.dex"
        if self.dx is None:
            with tempfile.TemporaryDirectory() as scratch:  # it takes jars and class files, no folders
                jars = [_jar(path, Path(scratch) / f"{index}.jar") for index, path in enumerate(classes)]
                library = ("--lib", self.framework, "--min-api", str(MIN_SDK))
                self.run("d8", "--release", *library, "--output", folder, *jars)
        else:
            dx = ("-cp", str(self.dx), "com.android.dx.command.Main", "--dex", f"--min-sdk-version={MIN_SDK}")
            self.run("java", *dx, f"--output={target}", *classes)
        return target


def find(sources: Path, notify: Callable[[str], None] = lambda _: None) -> Toolchain:
    """The tools of this machine, for an app with these sources; ``notify`` gets one line before each download.

    Raises:
        InputError: Tools are missing, all of which are named; or an artifact of Maven Central cannot be fetched.
    """
    sdk = _sdk()
    build_tools = _newest(sdk / "build-tools") if sdk else None
    found = {tool: _program(tool, build_tools) for tool in _PACKAGES}
    if missing := [tool for tool, path in found.items() if path is None]:
        packages = sorted({_PACKAGES[tool] for tool in missing})
        raise InputError(
            f"the Android app cannot be built without {', '.join(missing)}: install them (on Debian: "
            f"apt-get install {' '.join(packages)}), or install an Android SDK with build-tools, have ANDROID_HOME "
            "name its folder, and a JDK, clang and lld"
        )
    platform = sdk / "platforms" / f"android-{COMPILE_SDK}" / "android.jar" if sdk else None
    framework = read_dependencies(sources)["compile"]
    if platform is None or not platform.is_file():
        (platform,) = fetch(framework, notify=notify).values()
    programs = {tool: path for tool, path in found.items() if path}
    if build_tools and (build_tools / "d8").is_file():
        return Toolchain({**programs, "d8": build_tools / "d8"}, platform, None)
    return Toolchain(programs, platform, fetch([DEXER], notify=notify)[DEXER])


def _sdk() -> Path | None:
    for name in ("ANDROID_HOME", "ANDROID_SDK_ROOT"):
        if value := os.environ.get(name):
            if not Path(value).is_dir():
                raise InputError(f"{name}={value}: not a folder; must be that of an Android SDK, or not be set")
            return Path(value)
    return None


def _newest(folder: Path) -> Path | None:
    """Of build-tools: by version number; previews ("35.0.0-rc3") and folders without a number come before all."""

    def version(path: Path) -> tuple[int, ...]:
        parts = path.name.split(".")
        return tuple(map(int, parts)) if all(part.isdecimal() for part in parts) else ()

    found = [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    return max(found, key=lambda path: (version(path), path.name), default=None)


def _program(tool: str, build_tools: Path | None) -> Path | None:
    if build_tools and (build_tools / tool).is_file():
        return build_tools / tool
    home = os.environ.get("JAVA_HOME")
    if home and (Path(home) / "bin" / tool).is_file():
        return Path(home) / "bin" / tool
    path = shutil.which(tool)
    return Path(path) if path else None


def _jar(classes: Path, target: Path) -> Path:
    """A folder of classes as a jar; a jar stays what it is."""
    if classes.is_file():
        return classes
    return Path(shutil.make_archive(str(target.with_suffix("")), "zip", classes)).rename(target)
