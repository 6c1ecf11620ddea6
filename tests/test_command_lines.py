"""Command lines that nobody means, of every command and option there is: one message, never a traceback, and nothing
that steers the terminal."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from PIL import Image

from mobile_robust.cli import commands
from mobile_robust.data.storage import photo_location
from mobile_robust.errors import InputError
from mobile_robust.frame import exit_code
from mobile_robust.terminal import printable

#: Where the work of each command begins.
WORK = [
    "new_recipe.choice.propose",
    "methods.site.create_backbone",
    "export.build.convert",
    "training.run.train",
    "evaluation.cli.evaluate",
    "restoration.run.measure_restoration",
    "evaluation.predict.run.predict",
    "ablation.run.train_ablations",
    "bench.cli.benchmark",
    "bench.android.measure.measure_on_android",
    "bench.android.apk.build.build_apk",
    "demo.networks.choose_models",
    "bench.ios.measure.measure_on_ios",
    "bench.ios.app.build_app",
    "bench.instructions.count.count_instructions",
    "runtimes.emulator.install.set_up",
    "runtimes.emulator.install.remove",
    "runtimes.snapdragon_npu.libraries.set_up",
    "runtimes.snapdragon_npu.libraries.remove",
    "runtimes.snapdragon_npu.libraries.find",
    "corruptions.cli.ContactSheet",
    "methods.deepcorrect.rank.ranking.rank",
    "pipelines.build_model",
]
BEGINS = "the work begins here"
NUMBERS = [
    *["0", "-1", "2", "1.0", "nan", "inf", "-inf", "1e309", "1e-400", "0x10", "1_0", "٣", "9223372036854775808", "--"],
    "9" * 5000,
    " 1",
]
WORDS = [
    *("\x1b[31m", "\x1b]0;t\x07", "[/b]x", "a\nb", "\u202ex", "\udcff", "\x7f\x9b2J", "é中😀", "x" * 5000, "%s{0}"),
    *("=", "-", "--", "-1", "--out", "--no-such\x1b", "\t", "names", "folders", "none", "jpeg:nan", "jpeg:1\x1b"),
    *("timm:", "timm:no\x1bsuch", "afd", "num_classes=\x1b", "a=[[[[", "0 1", "224x\x1b"),
]
#: What a value is called -> one that is good.
GOOD = {
    "RECIPE": "afd_mobilenetv2_pipeline",
    "MODEL": "afd_mobilenetv2_pipeline",
    "NAME[:LEVEL]": "jpeg",
    "N|HxW": "64",
    "KEY=VALUE": "num_classes=10",
    "CPU": "0",
    "ID": "ABCDE12345",
}


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One of each kind. Pipes are only where folders belong: to wait for their other end is no fault."""
    monkeypatch.chdir(tmp_path)
    photos = tmp_path / "pho\x1b[31mtos"
    photos.mkdir()
    Image.new("RGB", (8, 8)).save(photos / "0.png")
    (photos / "b\x1b\udcff.png").write_text("no photo")
    (tmp_path / "empty").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    files = []
    for suffix in (".toml", ".json", ".safetensors", ".csv", ".png", ".tflite"):
        path = tmp_path / f"f\x1b{suffix}"
        path.write_bytes(b'\x00\xff{"\x1b[31m": ')
        files.append(str(path))
    (tmp_path / "closed.toml").touch(mode=0)
    others = ["empty", "missing/x.json", "loop", "/dev/null", "closed.toml", "n" * 300, "out.json", "."]
    return [str(photos), *files, *others]


@pytest.fixture
def _no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(*arguments: object, **options: object) -> None:
        raise InputError(BEGINS)

    for name in WORK:
        monkeypatch.setattr(f"mobile_robust.{name}", begin)


@pytest.fixture(scope="module")
def parsers() -> dict[str, argparse.ArgumentParser]:
    """Command -> its parser, as it is: what the lines are made from."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:

        def seen(parser: argparse.ArgumentParser, arguments: list[str]) -> None:
            found[name] = parser
            raise SystemExit

        patch.setattr(argparse.ArgumentParser, "parse_args", seen)
        for name in commands():
            with pytest.raises(SystemExit):
                commands()[name][0].load()([])
    return found


def line(parser: argparse.ArgumentParser, paths: list[str], odd: float, random: Random) -> Iterator[str]:
    """A command line of good values; the fraction ``odd`` of them is odd."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            name = random.choice([*action.choices, "\x1b"] if random.random() < odd else list(action.choices))
            yield name
            if name in action.choices:
                yield from line(action.choices[name], paths, odd, random)
            continue
        if random.random() > (1 - odd / 9 if action.required else 0.25) or isinstance(action, argparse._HelpAction):
            continue
        if action.option_strings:
            yield random.choice(action.option_strings)
        if action.nargs == 0:
            continue
        count = action.nargs if isinstance(action.nargs, int) else random.choice([1, 1, 2] if action.nargs else [1])
        for _ in range(count):
            yield (odd_value if random.random() < odd else good_value)(action, paths, random)


def good_value(action: argparse.Action, paths: list[str], random: Random) -> str:
    if action.choices:
        return random.choice(list(action.choices))
    if action.type in (int, float):
        return "1" if action.type is int else "0.4"
    if action.type in (Path, photo_location):
        return paths[0] if str(action.metavar).startswith("DIR") else "out.png" if action.dest == "plot" else "out.json"
    return GOOD.get(str(action.metavar), "afd_mobilenetv2")


def odd_value(action: argparse.Action, paths: list[str], random: Random) -> str:
    folder = action.type is Path and action.metavar == "DIR"
    likely = NUMBERS if action.type in (int, float) else paths + ["pipe"] * folder
    return random.choice(likely if random.random() < 0.7 else WORDS + paths + NUMBERS)


@pytest.mark.usefixtures("_no_work")
@pytest.mark.parametrize("name", commands())
def test_no_line_ends_in_a_traceback(
    name: str,
    parsers: dict[str, argparse.ArgumentParser],
    paths: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    random, main = Random(name), commands()[name][0].load()
    for _ in range(30):
        words = [*line(parsers[name], paths, random.choice([0.05, 0.2, 0.5]), random)]
        code = exit_code(lambda left: (main, left), words)
        out, err = capsys.readouterr()
        assert code == 2 or (code == 0 and "--list" in words), (code, words, err)
        assert ("Traceback" not in err and "error: " in err) or code == 0, (words, err)
        assert printable(out) == out and printable(err) == err, words
