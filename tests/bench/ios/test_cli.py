"""The command as a user gives it: from an iPhone to the tables, and its exit codes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mobile_robust.bench.cli import main
from mobile_robust.bench.device.measure import folder_of
from mobile_robust.bench.ios import measure
from mobile_robust.contracts.result import RESULT_NAME, read_result
from mobile_robust.errors import InputError
from tests.bench.ios.fake_devicectl import FakeDevicectl
from tests.bench.ios.fake_phone import FakeIphone, Make


@pytest.fixture
def arguments(pipeline_build: Path, photos: Path, arguments_of: Callable[..., list[str]]) -> list[str]:
    return arguments_of(pipeline_build, photos, "--repetitions", "1")


def test_from_the_phone_to_the_tables(
    arguments: list[str], phone: FakeIphone, xcrun: FakeDevicectl, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    phone.script["constant"] = False
    assert main([*arguments, "--accelerator", "cpu", "npu"]) == 0
    path = folder_of(tmp_path / "out", phone.serial) / RESULT_NAME
    made, printed = read_result(path), capsys.readouterr().out
    assert made.complete and made.device.name == "Apple iPhone15,2" and made.protocol.warm_up_seconds == 1
    assert "CPU ratio" in printed and "NPU ratio" in printed and str(path) in printed
    assert [printed.count(f"pipeline_fp16.mlpackage  coreml_{unit}") for unit in ("cpu", "npu")] == [1, 1]
    assert printed.count("✓ pass") == 2 and not (phone.root / "app").exists()


def test_what_is_not_equal_is_code_1_and_a_phone_that_fails_code_2_after_the_others_are_shown(
    arguments: list[str], make_phone: Make, library: None, capsys: pytest.CaptureFixture[str]
) -> None:
    good, hot = make_phone(), make_phone(hundredths=4500)
    one = [*arguments, "--accelerator", "all", "--device", good.serial]
    assert main(one) == 1  # it computes nothing
    assert "✗ fail" in capsys.readouterr().out
    with pytest.raises(InputError, match=rf"^{hot.serial}: phone too hot: its battery has 45.0 °C"):
        main([*one, hot.serial])
    assert capsys.readouterr().out.count("✗ fail") == 1


def test_phones_are_chosen(make_phone: Make, xcrun: FakeDevicectl) -> None:
    phones = [make_phone(), make_phone(), make_phone(connected=False)]
    _, there = measure.find_phones()
    assert there == [phone.serial for phone in phones[:2]]
    assert measure.choose(there, [there[1], there[1]]) == [there[1]]
    assert measure.choose(there[:1], []) == there[:1]
    with pytest.raises(InputError, match=f"^several phones: {', '.join(there)}; choose with --device, one or more"):
        measure.choose(there, [])
    with pytest.raises(InputError, match=f"^{phones[2].serial}: no such phone; connected: {there[0]}"):
        measure.choose(there, [phones[2].serial])
    with pytest.raises(InputError, match="^--device 'my phone': not a UDID"):
        measure.choose(there, ["my phone"])
    with pytest.raises(InputError, match="^no iPhone: plug an iPhone in, unlock it, and answer its question"):
        measure.choose([], [])
    xcrun.broken = "xcode-select: error"
    with pytest.raises(InputError, match="devicectl list devices gives no answer"):
        measure.find_phones()


def test_phones_on_any_other_computer(make_phone: Make, library: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    phone = make_phone()
    make_link, there = measure.find_phones()
    assert there == [phone.serial] and make_link(phone.serial).present()
    phone.usbmuxd = False
    with pytest.raises(InputError, match="usbmuxd does not answer, through which iPhones are reached: apt-get install"):
        measure.find_phones()


def test_without_either_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(measure.pymobiledevice, "is_installed", lambda: False)
    with pytest.raises(InputError, match=r"nothing here can reach an iPhone: .*pip install 'mobile-robust\[ios\]'"):
        measure.find_phones()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--repetitions", "0"], "--repetitions 0: must be 1 or more"),
        (["--team", "me"], "--team me: must be ten capitals and digits"),
        (["--app", "gone.app"], "--app gone.app: no such file or folder"),
        (["--build"], "the app cannot be built here, as only a Mac has xcodebuild"),
        ([], "nothing to measure: give the folder of a finished build, or --build"),
    ],
)
def test_bad_input_is_named(more: list[str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match=f"^{said}"):
        main(["ios", *more])


def test_single_precision_is_not_asked_of_the_neural_engine(
    module_build: Path, phone: FakeIphone, xcrun: FakeDevicectl
) -> None:
    with pytest.raises(InputError, match="^--accelerator npu: cannot compute in fp32; give another, or others"):
        main(["ios", str(module_build), "--precision", "fp32", "--accelerator", "npu"])
    assert phone.starts == 0
