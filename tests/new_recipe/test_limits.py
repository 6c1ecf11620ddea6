"""What is known not to run on GPUs, or not in int8, stands in a new recipe with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch

from mobile_robust.backbones.phone_limits import CPU_ONLY, FLOAT_OPERATIONS
from mobile_robust.methods.registry import methods
from mobile_robust.new_recipe.cli import main
from mobile_robust.new_recipe.limits import known_limits
from mobile_robust.recipes import load_recipe


def keys(name: str, method: str) -> dict[str, tuple[str, ...]]:
    with torch.device("meta"):
        network = timm.create_model(name)
    return {limit.key: limit.value for limit in known_limits(network, methods()[method])}


@pytest.mark.parametrize(
    ("name", "method", "expected"),
    [
        ("mobilenetv2_100", "afd", {}),
        ("levit_128s", "afd", {"accelerators": ("cpu",)}),
        ("fastvit_t8", "none", {"accelerators": ("cpu",)}),
        ("edgenext_xx_small", "afd", {"accelerators": ("cpu",), "allow_float_ops": ("L2_NORMALIZATION",)}),
        ("efficientformerv2_s0", "afd", {"allow_float_ops": ("REDUCE_MAX", "EXP")}),
        ("vit_tiny_patch16_224", "sympie", {"float_layers": ("module.nem.out", "module.dwm")}),
    ],
)
def test_limits_are_those_of_the_family_and_of_the_method(
    name: str, method: str, expected: dict[str, tuple[str, ...]]
) -> None:
    assert keys(name, method) == expected


@pytest.mark.parametrize("family", sorted({*CPU_ONLY, *FLOAT_OPERATIONS}))
def test_every_family_is_a_file_of_timm(family: str) -> None:
    assert timm.list_models(module=family)


def test_sympie_is_written_as_its_shipped_pipeline_has_it(tmp_path: Path) -> None:
    assert main(["test_vit", "--module", "sympie", "--out", str(out := tmp_path / "vit.toml")]) == 0
    assert load_recipe(str(out)).quantization == load_recipe("sympie_mobilenetv2_pipeline").quantization
    assert "# float_layers: what sympie computes there is too coarse in int8\n[quantization]" in out.read_text()


def test_the_reason_for_the_cpu_stands_above_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(CPU_ONLY, "byobnet", "because")
    assert main(["test_byobnet", "--module", "none", "--out", str(out := tmp_path / "r.toml")]) == 0
    assert load_recipe(str(out)).accelerators == ("cpu",)
    assert "\n# accelerators: because; see docs/backbones.md\ntitle = " in out.read_text()
    assert "because" in capsys.readouterr().out
