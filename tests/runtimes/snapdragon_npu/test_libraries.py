"""The folder of links: made from what is installed, looked at again, and never the reason of a traceback elsewhere."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np
import pytest

from mobile_robust.errors import InputError
from mobile_robust.runtimes.snapdragon_npu import cli, libraries

NAMES = ("libQnnHtp.so", "libHtpPrepare.so", "libQnnSystem.so", "libQnnIr.so", "libQnnSaver.so")


@pytest.fixture(autouse=True)
def wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A machine with a wheel of empty libraries."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr(libraries, "installed", lambda name: "2.7.0")
    monkeypatch.setattr(libraries, "distribution", lambda name: Installed(tmp_path / "site"))
    for name in (*(f"onnxruntime_qnn/{name}" for name in NAMES), "onnxruntime_qnn.libs/libc++-71.so.1.0"):
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    libraries.forget()
    yield tmp_path / "site/onnxruntime_qnn"
    libraries.forget()


class Installed:
    def __init__(self, site: Path) -> None:
        self._site = site

    def locate_file(self, path: str) -> Path:
        return self._site / path


def test_set_up_links_and_copies_nothing(wheel: Path) -> None:
    assert libraries.find() == (
        None,
        f"{libraries.folder()} does not link the libraries that are installed: mobile-robust npu setup",
    )
    assert libraries.set_up() and libraries.find() == (libraries.folder(), None)
    links = {path.name: path.readlink() for path in libraries.folder().iterdir()}
    assert links == {
        **{name: wheel / name for name in NAMES},
        "libQnnLpai.so": wheel / "libQnnSaver.so",
        "libc++-71.so.1.0": wheel.with_name("onnxruntime_qnn.libs") / "libc++-71.so.1.0",
    }
    assert not libraries.set_up()


def test_links_to_another_installation_are_made_anew(wheel: Path) -> None:
    libraries.set_up()
    link = libraries.folder() / "libQnnHtp.so"
    link.unlink()
    link.symlink_to("/elsewhere/libQnnHtp.so")
    libraries.forget()
    assert "does not link" in (libraries.find()[1] or "")
    assert libraries.set_up() and link.readlink() == wheel / "libQnnHtp.so"


def test_they_are_removed() -> None:
    assert not libraries.remove()
    libraries.set_up()
    assert libraries.remove() and not libraries.folder().exists() and libraries.find()[0] is None


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("system", "Darwin", "need Linux x86_64; this is Darwin x86_64"),
        ("machine", "aarch64", "need Linux x86_64; this is Linux aarch64"),
        ("libc_ver", ("glibc", "2.31"), "needs glibc 2.35 or later; this is glibc 2.31"),
        ("libc_ver", ("", ""), "needs glibc 2.35 or later; this is another C library"),
    ],
)
def test_another_machine_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: object, reason: str) -> None:
    monkeypatch.setattr(platform, name, lambda: value)
    assert reason in (libraries.find()[1] or "")
    with pytest.raises(InputError, match=reason):
        libraries.set_up()
    assert not libraries.folder().exists()


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "installed", lambda name: None if name.startswith("onnxruntime") else "1.0")
    with pytest.raises(InputError, match=r"onnxruntime-qnn, onnxruntime: pip install 'mobile-robust\[npu\]'"):
        libraries.set_up()


def test_a_wheel_without_the_compiler_is_named(wheel: Path) -> None:
    (wheel / "libHtpPrepare.so").unlink()
    with pytest.raises(InputError, match=r"onnxruntime-qnn 2\.7\.0 lacks Qualcomm's compiler"):
        libraries.set_up()


def test_check_makes_nothing() -> None:
    with pytest.raises(InputError, match="does not link the libraries"):
        cli.main(["setup", "--check"])
    assert not libraries.folder().exists()
    with pytest.raises(InputError, match="--check: belongs to setup"):
        cli.main(["remove", "--check"])


def test_an_emulator_that_computes_something_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Session:
        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def predict(self, inputs):
            return {"y": np.abs(inputs["x"])}

    monkeypatch.setattr(cli.SnapdragonNpu, "open", lambda self, path: Session())
    with pytest.raises(InputError, match=r"gives \[1\.0, 0\.0, 1\.0, 2\.0\] of \[-1\.0, 0\.0, 1\.0, 2\.0\]"):
        cli.main(["setup"])
