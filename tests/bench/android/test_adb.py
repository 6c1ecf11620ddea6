"""Which phone is meant, what keeps adb from it, and what its shell may be given."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobile_robust.bench.android import adb as client
from mobile_robust.bench.android.adb import AdbLink, UnauthorizedError, choose, devices, find_adb
from mobile_robust.bench.android.shell import command_line, parse_output
from mobile_robust.bench.device.errors import DeviceError, DroppedError, LostError, StorageFullError
from mobile_robust.errors import InputError
from tests.bench.android.fake_phone import FakePhone, Make, wait_for


@pytest.mark.device
def test_which_phone_is_meant(adb: Path, make_phone: Make) -> None:
    with pytest.raises(InputError, match=r"^no device: plug a phone in, and turn on USB debugging"):
        choose(adb, [])
    with pytest.raises(DeviceError, match=r"^R58M: no such device; adb sees: none"):
        choose(adb, ["R58M"])
    first = make_phone()
    assert choose(adb, []) == [first.serial]
    second = make_phone()
    with pytest.raises(InputError, match=r"^several devices: 127.*\(device\), 127.*\(device\); choose with --serial"):
        choose(adb, [])
    assert choose(adb, [second.serial, first.serial, second.serial]) == [second.serial, first.serial]
    with pytest.raises(DeviceError, match=rf"^R58M: no such device; adb sees: .*{first.serial}"):
        choose(adb, [first.serial, "R58M"])


@pytest.mark.device
def test_a_phone_over_the_network_is_connected_to(adb: Path, make_phone: Make) -> None:
    phone = make_phone(connected=False)
    assert devices(adb) == {}
    assert choose(adb, [phone.serial]) == [phone.serial]
    phone.close()
    with pytest.raises(DeviceError, match=r"^127.0.0.1:1: adb cannot connect to it: .*refused"):
        choose(adb, ["127.0.0.1:1"])


@pytest.mark.device
def test_unauthorized(adb: Path, make_phone: Make) -> None:
    phone = make_phone(trusted=False)
    wait_for(lambda: devices(adb) == {phone.serial: "unauthorized"})
    for wanted in ([], [phone.serial]):
        with pytest.raises(UnauthorizedError, match='unlock the phone, answer "Allow USB debugging." with Allow'):
            choose(adb, wanted)
    link = AdbLink(adb, phone.serial)
    for action in (
        lambda: link.shell("true"),
        lambda: link.push(Path(__file__), "/data/local/tmp/x"),
        lambda: link.reconnect(1),
    ):
        with pytest.raises(UnauthorizedError):
            action()


@pytest.mark.device
def test_the_owner_has_time_to_say_yes(adb: Path, make_phone: Make) -> None:
    """The question would go with the connection it is about."""
    phone = make_phone(trusted=False)
    wait_for(lambda: devices(adb) == {phone.serial: "unauthorized"})
    looks: list[float] = []

    def look(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            phone.allow()
        time.sleep(seconds)

    asked = phone.asked
    AdbLink(adb, phone.serial, look).reconnect(20)
    assert len(looks) >= 3 and phone.asked == asked


@pytest.mark.device
def test_offline(adb: Path, make_phone: Make) -> None:
    phone = make_phone()
    wait_for(lambda: devices(adb) == {phone.serial: "device"})
    phone.unplug()
    wait_for(lambda: devices(adb) == {phone.serial: "offline"})
    with pytest.raises(DeviceError, match="adb calls it offline: plug it in again"):
        choose(adb, [])
    link = AdbLink(adb, phone.serial)
    with pytest.raises(DroppedError, match="offline"):
        link.shell("true")
    with pytest.raises(LostError, match="did not come back within 1 s; nothing measured is lost"):
        link.reconnect(1)
    phone.plug()
    link.reconnect(10)
    assert link.shell("true").code == 0


@pytest.mark.device
def test_a_phone_on_a_cable_that_slept_is_woken(adb: Path, make_phone: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """To adb's server it stays offline for ever, whatever it does; its serial is no address to connect to anew."""
    phone = make_phone(wired=True)
    wait_for(lambda: devices(adb) == {phone.serial: "device"})
    phone.answering = False
    phone.drop()
    for seen in ({}, {phone.serial: "offline"}):  # until adb's server has greeted it anew, in vain
        wait_for(lambda seen=seen: devices(adb) == seen)
    phone.answering = True
    link = AdbLink(adb, phone.serial)
    monkeypatch.setattr(client, "_GREETING", 1.5)
    with pytest.raises(LostError, match="did not come back within 1 s"):
        link.reconnect(1)
    link.reconnect(20)
    assert link.shell("true").code == 0


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("no permissions (user in plugdev group; are your udev rules wrong?); see [http://x]", "does not let adb open"),
        ("no permissions; see [http://x]", "does not let adb open"),
        ("recovery", "adb calls it recovery: plug it in again"),
        ("authorizing", "adb calls it authorizing: "),
    ],
)
def test_a_phone_in_another_state(monkeypatch: pytest.MonkeyPatch, state: str, said: str) -> None:
    output = f"List of devices attached\nR58M\t{state}\n\n".encode()
    monkeypatch.setattr(client, "run", lambda *_: client.CommandResult(0, output, ""))
    with pytest.raises(DeviceError, match=f"^R58M: .*{said}"):
        choose(Path("adb"), [])


@pytest.mark.device
def test_a_phone_that_does_not_answer_in_time(adb: Path, phone: FakePhone) -> None:
    link = AdbLink(adb, phone.serial)
    assert link.shell("true").code == 0
    phone.answering = False
    with pytest.raises(DroppedError, match="did not end within 1 s"):
        link.shell("true", timeout=1)


@pytest.mark.device
def test_a_command_that_is_cut_off_is_no_success(adb: Path, phone: FakePhone) -> None:
    """adb itself says 0 then."""
    link = AdbLink(adb, phone.serial)
    link.shell("mkdir", "-p", "/data/local/tmp/x")
    (phone.root / "tmp" / "x" / "y").write_bytes(b"half\n" * 100_000)
    phone.plan["cat y"] = [phone.drop]
    with pytest.raises(DroppedError):
        link.shell("cat", "/data/local/tmp/x/y")
    link.reconnect(10)
    assert link.shell("cat", "/data/local/tmp/x/y").stdout == b"half\n" * 100_000
    assert link.shell("cat", "/data/local/tmp/x/z").code == 1


@pytest.mark.device
def test_what_the_phone_refuses_is_not_tried_again(adb: Path, phone: FakePhone) -> None:
    phone.free_kilobytes = 0
    with pytest.raises(StorageFullError, match=rf"^{phone.serial}: its storage is full: delete something there"):
        AdbLink(adb, phone.serial).push(Path(__file__), "/data/local/tmp/x")
    assert phone.pushes == ["/data/local/tmp/x"]


def test_a_missing_adb_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANDROID_HOME", "ANDROID_SDK_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(InputError, match="adb is missing: install Android's platform tools .apt-get install adb"):
        find_adb()
    program = tmp_path / "platform-tools" / "adb"
    program.parent.mkdir()
    program.touch()
    monkeypatch.setenv("ANDROID_HOME", str(tmp_path))
    assert find_adb() == program


def test_no_shell_of_this_computer_is_involved(tmp_path: Path) -> None:
    program = tmp_path / "adb"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/seen\necho mobile_robust_end=0\n')
    program.chmod(0o755)
    AdbLink(program, "a;b $(c)").shell("true", timeout=3)
    seen = (tmp_path / "seen").read_text().splitlines()
    assert seen == ["-s", "a;b $(c)", "shell", "-n", "-T", "true; echo mobile_robust_end=$?"]


def test_arguments_that_mean_something_to_a_shell_are_refused() -> None:
    for word in ("", "a b", "a;b", "$(x)", "`x`", "a|b", "a&", "<a", "a*", "~x", "%1", "é", "'a'", "a\n"):
        with pytest.raises(ValueError, match="no argument for a device's shell"):
            command_line("cat", word)


@given(st.text(st.sampled_from("azAZ09_./=:+-~% ;$`'\"\\|&<>*?[]{}()!#\n\t"), max_size=12))
def test_a_real_shell_sees_the_arguments_that_were_given(word: str) -> None:
    try:
        line = command_line("printf", "x%s", word)
    except ValueError:
        return
    done = subprocess.run(["sh", "-c", line], capture_output=True, check=True, timeout=10)
    assert parse_output(done.stdout) == (f"x{word}".encode(), 0)


def test_output_without_its_end_is_not_whole() -> None:
    assert parse_output(b"output\nmobile_robust_end=7\n") == (b"output\n", 7)
    assert parse_output(b"mobile_robust_end=7\nmobile_robust_end=0\r\n") == (b"mobile_robust_end=7\n", 0)
    for cut in (b"", b"output\n", b"mobile_robust_end=", b"mobile_robust_end=1\nmore"):
        assert parse_output(cut) is None
