"""Where the sandbox cannot be had the reason is said; what was stopped goes on; nothing half-made passes for whole."""

from __future__ import annotations

import hashlib
import sys
import zipfile
from pathlib import Path

import pytest

from mobile_robust.errors import InputError
from mobile_robust.files import output_lock
from mobile_robust.runtimes.emulator import install, packages, sandbox, wheels
from mobile_robust.runtimes.emulator.apt import Apt
from mobile_robust.runtimes.emulator.cli import main

#: apt-get for two packages: says what the lists have, and "downloads" what is asked for, noting it in asked.txt.
FAKE = """#!{python}
import pathlib, sys
debs = {debs!r}
if "update" in sys.argv:
    sys.exit(0)
if "--print-uris" in sys.argv:
    for file, (content, digest) in debs.items():
        if pathlib.Path(file).exists():  # apt leaves it out then
            continue
        print(f"'http://archive/{{file}}' {{file}} {{len(content)}} SHA256:{{digest}}")
    sys.exit(0)
if {fails!r}:
    sys.exit("E: Unable to fetch some archives")
for name in sys.argv[sys.argv.index("download") + 1:]:
    with open("../asked.txt", "a") as asked:
        asked.write(name + "\\n")
    for file, (content, _) in debs.items():
        if name == file.split("_")[0] + ":" + file.split("_")[-1].split(".")[0] and not pathlib.Path(file).exists():
            pathlib.Path(file).write_text(content)
"""


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    sandbox.forget()
    yield sandbox.base()
    sandbox.forget()


@pytest.fixture
def apt_get(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def put(content: str = "two", digest: str | None = None, fails: bool = False) -> None:
        debs = {
            "one_1%3a1.0_amd64.deb": ("one", hashlib.sha256(b"one").hexdigest()),
            "two_2.0_arm64.deb": (content, digest or hashlib.sha256(content.encode()).hexdigest()),
        }
        program = tmp_path / "bin/apt-get"
        program.parent.mkdir(exist_ok=True)
        program.write_text(FAKE.format(python=sys.executable, debs=debs, fails=fails))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")

    return put


@pytest.mark.parametrize(("system", "machine"), [("Darwin", "arm64"), ("Linux", "aarch64"), ("Windows", "AMD64")])
def test_another_machine_is_refused(monkeypatch: pytest.MonkeyPatch, cache: Path, system: str, machine: str) -> None:
    monkeypatch.setattr(install.platform, "system", lambda: system)
    monkeypatch.setattr(install.platform, "machine", lambda: machine)
    with pytest.raises(InputError, match=f"needs Debian 12 on Linux x86_64; this is {system} {machine}"):
        main(["setup"])
    assert not cache.exists()


def test_without_apt_it_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="needs Debian 12; this system has no apt-get and no dpkg-deb"):
        main(["setup"])


def test_a_failure_of_apt_is_reported_and_nothing_passes_for_whole(apt_get, cache: Path) -> None:
    apt_get(fails=True)
    with pytest.raises(InputError, match=r"apt-get download failed: E: Unable to fetch.*\n.*Debian 12"):
        main(["setup"])
    assert sandbox.find()[0] is None and not (cache / "sandbox").exists()


def test_two_at_a_time_do_not_mix(cache: Path) -> None:
    cache.mkdir(parents=True)
    with output_lock(cache), pytest.raises(InputError, match="another process is writing it"):
        main(["setup"])


def test_packages_are_checked_and_kept(apt_get, tmp_path: Path) -> None:
    apt_get()
    apt = Apt(tmp_path / "apt")
    apt.update()
    debs = apt.download(["one"], ["two"])
    assert [(deb.package.name, deb.package.version) for deb in debs] == [("one:amd64", "1:1.0"), ("two:arm64", "2.0")]
    assert (apt.packages / "two_2.0_arm64.deb").read_text() == "two"
    (apt.packages / "two_2.0_arm64.deb").write_text("half")
    apt.download(["one"], ["two"])  # goes on where it was stopped: only what is not whole
    assert (tmp_path / "apt/asked.txt").read_text().split() == ["one:amd64", "two:arm64", "two:arm64"]


def test_a_package_other_than_the_lists_say_is_refused(apt_get, tmp_path: Path) -> None:
    apt_get(digest="00" * 32)
    with pytest.raises(InputError, match=r"two_2\.0_arm64\.deb: not what the signed lists of the archive say"):
        Apt(tmp_path / "apt").download(["one"], ["two"])


def test_a_failure_of_pip_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(InputError, match=r"pip download failed: .*ai-edge-litert==2\.3\.0"):
        wheels.download(tmp_path / "wheels")


def test_only_pinned_wheels_are_unpacked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("good", "bad"):
        with zipfile.ZipFile(tmp_path / f"{name}.whl", "w") as archive:
            archive.writestr(f"{name}.py", name)
    digest = hashlib.sha256((tmp_path / "good.whl").read_bytes()).hexdigest()
    monkeypatch.setattr(packages, "WHEELS", {"good==1": digest})
    wheels.unpack(tmp_path, tmp_path / "site")
    assert [path.name for path in (tmp_path / "site").iterdir()] == ["good.py"]


def test_litert_is_the_version_that_is_compared_with() -> None:
    from importlib.metadata import version

    assert f"ai-edge-litert=={version('ai-edge-litert')}" in packages.WHEELS


def test_remove(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cache / "work").mkdir(parents=True)
    (cache / "work/list").write_bytes(b"x" * 2000)
    assert main(["remove"]) == 0 and not cache.exists()
    assert main(["remove"]) == 0
    assert [line.split(": ")[-1] for line in capsys.readouterr().out.splitlines()] == ["2.00 kB", "nothing to remove"]
