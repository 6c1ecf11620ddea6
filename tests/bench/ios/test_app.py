"""What a built app says of itself, and Xcode as it builds one."""

from __future__ import annotations

import os
import stat
import sys
import zipfile
from pathlib import Path

import pytest

from mobile_robust.bench.ios import app as module
from mobile_robust.bench.ios.app import App, build_app, read_app
from mobile_robust.errors import InputError
from tests.bench.ios.fake_phone import BUNDLE, EXECUTABLE, write_app


def test_an_app_and_a_package_of_it_are_read(tmp_path: Path) -> None:
    path = write_app(tmp_path)
    assert read_app(path) == App(path, BUNDLE, EXECUTABLE)
    package = tmp_path / "app.ipa"
    with zipfile.ZipFile(package, "w") as file:
        file.write(path / "Info.plist", f"Payload/{path.name}/Info.plist")
        file.writestr(f"Payload/{path.name}/Frameworks/Other.app/Info.plist", b"")
    assert read_app(package) == App(package, BUNDLE, EXECUTABLE)


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + bytes(18), b"<?xml"])
def test_what_is_no_app_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bench.ipa"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"bench.ipa: not an .app or .ipa: "):
        read_app(path)
    with pytest.raises(InputError, match=r"not an .app or .ipa: .*No such file"):
        read_app(tmp_path)


@pytest.mark.parametrize("bundle", ["com.example.other", "org.mobilerobust.bench; reboot"])
def test_another_app_is_refused(tmp_path: Path, bundle: str) -> None:
    path = write_app(tmp_path, CFBundleIdentifier=bundle)
    with pytest.raises(InputError, match=f"is the app '{bundle}'; needed: org.mobilerobust.bench and a team id"):
        read_app(path)


XCODEBUILD = """#!{python}
import pathlib, plistlib, sys
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
assert (pathlib.Path(given["-project"]) / "project.pbxproj").is_file(), given
assert given["-scheme"] == "MobileRobustBench" and given["-destination"] == "generic/platform=iOS"
assert "DEVELOPMENT_TEAM=ABCDE12345" in sys.argv and sys.argv[-1] == "build"
if {fails}:
    print("note: of no interest\\n/x/App.swift:3:1: error: no such module")
    sys.exit(65)
app = pathlib.Path(given["-derivedDataPath"]) / "Build/Products/Release-iphoneos/MobileRobustBench.app"
app.mkdir(parents=True, exist_ok=True)
info = {{"CFBundleIdentifier": "org.mobilerobust.benchABCDE12345", "CFBundleExecutable": "MobileRobustBench"}}
(app / "Info.plist").write_bytes(plistlib.dumps(info))
"""


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    project = tmp_path / "ios_bench/app/MobileRobustBench.xcodeproj"
    project.mkdir(parents=True)
    (project / "project.pbxproj").write_text("// !$*UTF8*$!")
    monkeypatch.setattr(module, "sources", lambda: tmp_path / "ios_bench")
    return tmp_path / "ios_bench"


def xcodebuild(folder: Path, monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    folder.mkdir()
    program = folder / "xcodebuild"
    program.write_text(XCODEBUILD.format(python=sys.executable, fails=fails))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_xcode_builds_a_copy_of_the_sources(tmp_path: Path, sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    xcodebuild(tmp_path / "bin", monkeypatch, fails=False)
    said: list[str] = []
    for _ in range(2):  # again: over what is there
        built = build_app(tmp_path / "dist", "ABCDE12345", said.append)
    assert built.bundle == "org.mobilerobust.benchABCDE12345" and built.path.name == "MobileRobustBench.app"
    assert said == ["building the app with Xcode"] * 2
    with pytest.raises(InputError, match="--team is missing: the id of your Apple developer team, ten characters"):
        build_app(tmp_path / "dist", None, said.append)


def test_an_error_of_xcode_is_said(tmp_path: Path, sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    xcodebuild(tmp_path / "bin", monkeypatch, fails=True)
    with pytest.raises(
        InputError, match=r"^xcodebuild failed \(exit code 65\): /x/App.swift:3:1: error: no such module$"
    ):
        build_app(tmp_path / "dist", "ABCDE12345", lambda line: None)
