"""Advice is given only where it helps, and its commands are ones that the command line takes."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from mobile_robust.contracts.manifest import Manifest, ParityResult, Placement
from mobile_robust.contracts.recipe import Tolerance
from mobile_robust.parity.advice import advice, walkable
from mobile_robust.parity.agreement import wilson
from mobile_robust.recipes import load_recipe
from mobile_robust.training.cli import _parser
from tests.export.test_report import manifest, result

RAN = Placement(accelerator="cpu", total_ops=4, placed_ops=4)


@pytest.mark.parametrize(
    ("runtime", "placement", "wanted"),
    [("litert_cpu", RAN, True), ("litert_cpu", None, False), ("gpu_delegate_ops", RAN, False)],
)
def test_what_can_be_walked(runtime: str, placement: Placement | None, wanted: bool, tmp_path: Path) -> None:
    built = manifest()
    failed = ParityResult(runtime=runtime, verdict="fail", placement=placement, failures=("why",))
    artifact = built.artifacts[0].model_copy(update={"parity": (failed,)})
    assert walkable(artifact) == wanted
    said = advice(built.model_copy(update={"artifacts": (artifact,)}), tmp_path)
    assert bool(said) == wanted and (
        not said or said == [f"where it went wrong: mobile-robust parity {tmp_path} --layers"]
    )
    other = artifact.model_copy(update={"target": "coreml"})
    assert not walkable(other)


def agreeing(right: int, count: int, precision: str = "int8") -> Manifest:
    """A build of a trained recipe whose file of a precision names the same class on so many photos."""
    built = manifest("pipeline", label=None)
    (artifact,) = [made for made in built.artifacts if made.precision == precision]
    check = result("pipeline", precision, "litert_cpu")
    measured = check.metrics["repaired"].model_copy(
        update={"top1_agreement": right / count, "top1_interval": wilson(right / count, count)}
    )
    verdict = "fail" if measured.top1_interval[1] < 0.97 else "pass"
    tolerance = Tolerance(top1_agreement=0.97)
    check = check.model_copy(
        update={"metrics": {"logits": measured}, "images": count, "verdict": verdict, "tolerance": tolerance}
    )
    recipe = load_recipe("film_mobilenetv2_pipeline").model_copy(update={"input": built.recipe.input})
    artifact = artifact.model_copy(update={"parity": (check,)})
    return built.model_copy(update={"recipe": recipe, "artifacts": (artifact,)})


def test_few_photos_leave_it_open(tmp_path: Path) -> None:
    more, train = advice(agreeing(32, 34), tmp_path)
    assert more.startswith("small_int8.tflite agrees with PyTorch on 94.1% (81 to 98%) of 34 photos, which does not")
    assert "200 or more with --calibration DIR" in more and train.startswith("or train its weights for int8: ")


def test_many_photos_ask_for_training_by_a_command_that_is_one(tmp_path: Path) -> None:
    train, walk = advice(agreeing(180, 200), tmp_path)
    assert train.startswith(
        "small_int8.tflite agrees with PyTorch on 90.0% (85 to 93%) of 200 photos: train its weights"
    )
    assert "--layers" in walk
    command, subcommand, *words = shlex.split(train.split("int8: ")[1])
    options = _parser().parse_args(words)
    assert (command, subcommand, options.method, options.recipe) == (
        "mobile-robust",
        "train",
        "film",
        "film_mobilenetv2_pipeline",
    )
    assert options.quantized and options.start.is_file() and options.rate == pytest.approx(3e-4)


def test_what_agrees_or_cannot_be_trained_needs_no_training(tmp_path: Path) -> None:
    assert advice(agreeing(34, 34), tmp_path) == []
    assert not any("train" in sentence for sentence in advice(agreeing(100, 200, "pal6"), tmp_path))
