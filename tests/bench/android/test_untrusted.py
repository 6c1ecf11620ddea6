"""Whatever a phone or its adb answers: a value that can be, or one message."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mobile_robust.bench import android
from mobile_robust.bench.android import adb, preflight
from mobile_robust.bench.android.adb import AdbLink, CommandResult, choose
from mobile_robust.bench.android.diagnose import crash_report
from mobile_robust.bench.android.transport import AdbTransport
from mobile_robust.bench.device.errors import DeviceError
from mobile_robust.bench.device.measure import folder_of
from mobile_robust.bench.device.transport import DeviceFile
from mobile_robust.bench.device.words import parse_line, parse_number
from mobile_robust.errors import InputError

DIGITS = b"9" * 5000
#: What a question is answered with.
ANSWERS = (
    b"",
    b"\xff\xfe\0\x1b[31m",
    DIGITS,
    b"x\nf " + b" ".join([DIGITS] * 5),
    b"[ro.build.version.sdk]: [%b]\n[ro.product.model]: [%b]" % (DIGITS, b"\x1b[2J" * 9999),
    b"[ro.build.version.sdk]: [34]\n[ro.product.cpu.abilist]: [arm64-v8a]\nThermal Status: %b\n level: %b"
    % (DIGITS, DIGITS),
    b"\n[" * 100_000,
    DIGITS + b"+0530",
    b"ApplicationExitInfo #1:\n timestamp=9999-12-31 23:59:59.0 reason=" + DIGITS,
    "١٢٣".encode(),
)


class Link:
    """A phone that has one answer to everything."""

    serial = "odd"

    def __init__(self, answer: bytes, code: int = 0) -> None:
        self.answer, self.code = answer, code

    def shell(self, *_: object, **__: object) -> CommandResult:
        return CommandResult(self.code, self.answer, parse_line(self.answer.decode(errors="replace")))

    def push(self, *_: object) -> None:
        """Takes everything."""


@pytest.mark.parametrize("code", [0, 1])
@pytest.mark.parametrize("answer", ANSWERS, ids=range(len(ANSWERS)))
def test_an_odd_answer_is_a_value_or_one_message(answer: bytes, code: int, tmp_path: Path) -> None:
    file = tmp_path / "a.tflite"
    file.write_bytes(b"a")
    phone = AdbTransport(Link(answer, code), file, 0.0, lambda _: None)
    sent = DeviceFile(file, "0" * 64, ".tflite")
    free = phone.free_bytes()
    assert free is None or 0 <= free < 2**70
    assert 0 <= phone.clock() < 10**18
    assert phone.running() == (code == 0) and phone.missing([sent]) == [sent]
    assert isinstance(crash_report(phone._text, 0), str)
    device = phone.describe()
    assert device.name.isprintable() and len(device.name) <= 500
    for action in (phone.preflight, phone.install, lambda: phone.put(sent), lambda: phone.start("job.json", "begun")):
        try:
            action()
        except DeviceError as error:
            messages = [str(error)]
            assert messages[0].startswith("odd: ") and messages[0].isprintable() and len(messages[0]) < 1500


def test_numbers_and_lines_of_phones_are_bounded() -> None:
    assert [parse_number(text) for text in ("0", "12", "9" * 18)] == [0, 12, 10**18 - 1]
    assert [parse_number(text) for text in (None, "", "-1", "1.0", "9" * 19, "١", "1\n")] == [None] * 7
    assert parse_line("a\x1b[31m\n\tb" + "c" * 999) == "a [31m b" + "c" * 192


def test_every_number_of_a_phone_is_parsed_in_one_place() -> None:
    folder = Path(str(android.__file__)).parent
    elsewhere = [path.name for path in folder.glob("*.py") if re.search(r"\b(int|float)\(", path.read_text())]
    assert elsewhere == ["shell.py"]


def _program(folder: Path, lines: str) -> Path:
    program = folder / "adb"
    program.write_text(f"#!/bin/sh\n{lines}\n")
    program.chmod(0o755)
    return program


def test_output_without_end_is_one_message(tmp_path: Path) -> None:
    link = AdbLink(_program(tmp_path, "exec cat /dev/zero"), "odd")
    with pytest.raises(InputError, match=r"^odd: adb shell prints more than 4 MiB: not what was asked for$"):
        link.shell("getprop")
    with pytest.raises(InputError, match="^adb devices prints more than 4 MiB"):
        adb.devices(_program(tmp_path, "exec cat /dev/zero >&2"))


def test_a_command_without_end_is_dropped(tmp_path: Path) -> None:
    with pytest.raises(adb.DroppedError, match="adb shell did not end within 0 s"):
        adb.run(_program(tmp_path, "exec sleep 60"), ["-s", "odd", "shell"], 0.1)


@pytest.mark.parametrize("serial", ["-s", "a\x1bb", "a\0b", "n" * 300])
def test_a_serial_that_adb_could_take_for_something_else(tmp_path: Path, serial: str) -> None:
    program = _program(tmp_path, f"printf '%s\\tdevice\\n' '{serial}'".replace("\0", ""))
    with pytest.raises(InputError, match=r"^--serial '.*': not the serial of a phone"):
        choose(program, [serial])
    if "\0" not in serial:
        with pytest.raises(InputError, match="not the serial of a phone"):
            choose(program, [])


@pytest.mark.parametrize(
    ("serial", "name"),
    [
        ("R58M123ABC", "R58M123ABC"),
        ("192.168.0.7:5555", "192.168.0.7_5555"),
        ("adb-1._adb-tls-connect._tcp", "adb-1._adb-tls-connect._tcp"),
        ("..", "__"),
        (".", "_"),
        ("../../x", "___.._x"),
        ("/etc", "_etc"),
        (".hidden", "_hidden"),
    ],
)
def test_a_result_lies_in_the_folder_that_the_user_gave(tmp_path: Path, serial: str, name: str) -> None:
    assert folder_of(tmp_path, serial) == tmp_path / name


def test_the_model_and_maker_are_what_the_phone_says_in_one_line() -> None:
    text = "[ro.product.manufacturer]: [Double]\n[ro.product.model]: [D\x1b-1]\n"
    assert preflight.describe("odd", lambda *_: text).name == "Double D -1"
