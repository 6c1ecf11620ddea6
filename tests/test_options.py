"""Options that commands share: every mistake is one message that names option, value and what is allowed."""

from __future__ import annotations

from argparse import Action, ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mobile_robust.ablation import cli as ablation
from mobile_robust.bench import cli as bench
from mobile_robust.corruptions import cli as corruptions
from mobile_robust.data.split import Split
from mobile_robust.errors import InputError
from mobile_robust.evaluation import cli as evaluation
from mobile_robust.export import cli as export
from mobile_robust.methods.deepcorrect.rank import cli as rank
from mobile_robust.methods.registry import methods
from mobile_robust.options import add_split, at_least, file_name, make_folder, split_of
from mobile_robust.parity import cli as parity
from mobile_robust.training import cli as training
from mobile_robust.training.settings import TrainSettings


def parser(whole: bool = False) -> ArgumentParser:
    made = ArgumentParser()
    made.add_argument("--steps", type=int, action=at_least(1), default=5)
    made.add_argument("--cool-down", "-c", type=float, action=at_least(0, "seconds"))
    made.add_argument("--levels", type=int, nargs="+", action=at_least(2))
    made.add_argument("--out", type=Path, action=file_name(".json", ".csv"))
    add_split(made, whole=whole)
    return made


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--steps", "0"], "--steps 0: must be 1 or more"),
        (["-c", "-0.5"], "--cool-down -0.5: must be 0 or more seconds"),
        (["--cool-down", "inf"], "--cool-down inf: must be 1000000000 or less seconds"),
        (["--cool-down", "nan"], "--cool-down nan: must be 0 or more seconds"),
        (["--levels", "2", "1"], "--levels 1: must be 2 or more"),
        (["--out", "a.txt"], "--out a.txt: the file's name must end with .json or .csv"),
        (["--out", "gone/a.csv"], "--out gone/a.csv: no such folder: gone"),
        (["--out", "a" * 197 + ".csv"], f"--out {'a' * 197}.csv: the file's name may have 200 bytes"),
        (["--holdout", "1"], "--holdout 1: allowed are fractions greater than 0 and less than 1"),
        (["--holdout", "nan"], "--holdout nan: allowed are fractions greater than 0 and less than 1"),
        (["--holdout-seed", "-1"], "--holdout-seed -1: must be 0 or more"),
        (["--holdout-seed", str(2**63)], f"--holdout-seed {2**63}: must be {2**63 - 1} or less"),
        (["--steps", "1" + "0" * 30], f"--steps 1{'0' * 30}: must be 1000000000 or less"),
    ],
)
def test_wrong_values_are_named(words: list[str], message: str) -> None:
    with pytest.raises(InputError) as error:
        parser().parse_args(words)
    assert str(error.value) == message


#: Options of single methods' trainings: their pydantic models have the limits.
OF_METHODS = [name for each in methods().values() if each.training for name in each.training.options.model_fields]
COMMANDS = (
    (export.parser, ()),
    (parity.parser, ()),
    (evaluation._parser, ()),
    (bench._parser, ()),
    (corruptions._parser, ()),
    (rank._parser, ("size", "mean", "std", "levels")),  # checked by recipe and corruption
    (ablation._parser, ()),
    (training._parser, (*TrainSettings.model_fields, *OF_METHODS)),  # see below
)


def options(made: ArgumentParser) -> Iterator[Action]:
    """Those of the sub-commands, too."""
    for action in made._actions:
        yield action
        if isinstance(action.choices, dict):
            for below in action.choices.values():
                yield from options(below)


@pytest.mark.parametrize(("made", "elsewhere"), COMMANDS)
def test_every_number_has_limits(made: Callable[[], ArgumentParser], elsewhere: tuple[str, ...]) -> None:
    numbers = [each for each in options(made()) if each.type in (int, float) and each.dest not in elsewhere]
    for action in numbers:
        for value in (10**30, -1, *([float("nan"), float("inf")] if action.type is float else [])):
            with pytest.raises(InputError, match=rf"^{action.option_strings[0]} "):
                action(ArgumentParser(), Namespace(), value, None)


@pytest.mark.parametrize(
    "name", [name for name, field in TrainSettings.model_fields.items() if field.annotation is int]
)
def test_settings_of_a_training_have_limits(name: str) -> None:
    for value in (10**30, -1):
        with pytest.raises(InputError, match=f"^--{name.replace('_', '-')} {value}: must be "):
            TrainSettings.of(methods()["afd"], **{name: value})


@pytest.mark.parametrize(("name", "values"), [("rate", (0.0, -1.0, 1.5)), ("clean_share", (-0.1, 1.0, float("nan")))])
def test_shares_and_rates_of_a_training_have_limits(name: str, values: tuple[float, ...]) -> None:
    for value in values:
        with pytest.raises(InputError, match=f"^--{name.replace('_', '-')} {value:g}: allowed are "):
            TrainSettings.of(methods()["afd"], **{name: value})


def test_right_values_are_stored_and_missing_ones_have_their_defaults() -> None:
    options = parser().parse_args(["--levels", "2", "3", "-c", "0", "--out", "a.csv"])
    assert (options.steps, options.cool_down, options.levels, options.out) == (5, 0.0, [2, 3], Path("a.csv"))
    assert split_of(options) is None


def test_a_split_has_a_fraction_and_a_seed() -> None:
    assert split_of(parser().parse_args(["--holdout", "0.4", "--holdout-seed", "3"])) == Split(0.4, 3)
    assert split_of(parser(whole=True).parse_args(["--holdout", "1"])) == Split(1)
    with pytest.raises(InputError, match="at most 1"):
        parser(whole=True).parse_args(["--holdout", "1.5"])


def test_a_folder_is_made_or_the_reason_is_told(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"--to .*file/b: cannot be made: Not a directory"):
        make_folder(tmp_path / "file" / "b", "--to")
