"""SyMPIE: both forms equal up to the image's border, the authors' checkpoint read right, any resolution."""

from math import prod
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from mobile_robust.errors import InputError
from mobile_robust.export.targets.tflite import channels_last, convert_tflite
from mobile_robust.export.targets.tflite_quantize import static_wi8_ai8
from mobile_robust.layers.deploy import deployed
from mobile_robust.methods.sympie.network import DWM, MEAN, NEM, STD, VARIANTS, SyMPIE, identity, load_official
from mobile_robust.runtimes.litert_cpu import LitertCpu
from mobile_robust.runtimes.snapdragon_npu.runtime import SnapdragonNpu
from tests.randomize import randomize

TOPS = [1.0, 255.0]


def frame(size: tuple[int, int], top: float, batch: int = 1) -> torch.Tensor:
    return top * torch.rand(batch, 3, *size, generator=torch.Generator().manual_seed(3))


def numbers(batch: int = 1) -> torch.Tensor:
    return identity() + 0.1 * torch.randn(batch, 37, generator=torch.Generator().manual_seed(4))


def busy(module: SyMPIE) -> SyMPIE:
    """Random batch norms, and an output layer that does not forget the features."""
    randomize(module)
    assert isinstance(module.nem, NEM)
    with torch.no_grad():
        module.nem.out.weight.normal_(0, 1e-3, generator=torch.Generator().manual_seed(5))
    return module


@pytest.mark.parametrize(
    ("size", "top"), [((1080, 1920), 255.0), *(((h, w), top) for h, w in ((224, 224), (96, 130)) for top in TOPS)]
)
def test_dwm_forms_are_equal(size: tuple[int, int], top: float) -> None:
    module = DWM(size, top).eval()
    image = frame(size, top)
    expected = module(image, numbers())
    assert (deployed(module)(image, numbers()) - expected).abs().max() / top < 1e-5
    assert (image - expected).abs().mean() / top > 0.05


def test_dwm_by_hand() -> None:
    """The order of the numbers, the order of the steps and the zeros around the frame, from section 3.1."""
    image, given = frame((9, 11), 1.0), numbers()[0]
    matrix, shift, kernel = given[:9].reshape(3, 3), given[9:12], given[12:].reshape(5, 5)
    mean, std = torch.tensor(MEAN), torch.tensor(STD)
    pixels = ((image[0].permute(1, 2, 0) - mean) / std + shift) @ matrix  # (9, 11, 3)
    around = torch.zeros(13, 15, 3)
    around[2:-2, 2:-2] = pixels
    for y, x in ((0, 0), (8, 10), (4, 5), (1, 9)):
        value = (around[y : y + 5, x : x + 5] * kernel[..., None]).sum((0, 1)) * std + mean
        got = DWM((9, 11), 1.0).eval()(image, given[None])[0, :, y, x]
        assert torch.allclose(got, value.clamp(0, 1), atol=1e-6)


def test_dwm_clamps_in_eval_mode_only_and_takes_numbers_per_image() -> None:
    module, image, given = DWM((12, 16), 1.0), frame((12, 16), 1.0, 2), numbers(2)
    free = module.train()(image, given)
    assert free.min() < 0 and free.max() > 1
    assert torch.equal(module.eval()(image, given), free.clamp(0, 1))
    assert torch.allclose(free[1:], module.train()(image[1:], given[1:]), atol=1e-6)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("size", [(96, 130), (300, 260)])
def test_forms_are_equal(variant: str, size: tuple[int, int]) -> None:
    module = busy(SyMPIE(size, TOPS[1], variant))
    image, form = frame(size, TOPS[1]), module.deployed()
    assert (module.nem(image) - form.nem(image)).abs().max() < 1e-5
    assert (module(image) - form(image)).abs().max() / 255 < 1e-5
    assert (module.nem(image) - identity()).abs().max() > 1e-3


@pytest.mark.slow
@pytest.mark.usefixtures("npu")
def test_the_npu_pads_int8_features_with_zeros(tmp_path: Path) -> None:
    """What the last block pools, of 14 x 14, in steps of int8."""
    blocks = busy(SyMPIE()).deployed().nem.blocks
    network = torch.nn.Sequential(blocks[1], blocks[2].pool).eval()
    x = torch.rand(1, 128, 56, 56, generator=torch.Generator().manual_seed(6))
    convert_tflite(network, {"x": x}, "y", tmp_path / "float.tflite")
    inputs, path = {"x": channels_last(x).numpy()}, tmp_path / "int8.tflite"
    path.write_bytes(static_wi8_ai8(tmp_path / "float.tflite", [inputs]))
    with LitertCpu().open(path) as cpu, SnapdragonNpu().open(path) as npu:
        expected, got = (session.predict(inputs)["y"] for session in (cpu, npu))
    assert got.shape == (1, 4, 4, 256)
    assert abs(got - expected).max() / np.ptp(expected) * 255 < 3


def test_table_1() -> None:
    nem = SyMPIE().nem
    assert isinstance(nem, NEM)
    assert sum(isinstance(m, torch.nn.Conv2d) for m in nem.modules()) == 7
    x, sizes = frame((224, 224), 1.0), []
    x = nem.conv(x)
    for block in nem.blocks:
        x = block(x)
        sizes.append(tuple(x.shape[1:]))
    assert sizes == [(128, 56, 56), (256, 14, 14), (512, 4, 4)]


def official(state: dict[str, torch.Tensor], image: torch.Tensor) -> torch.Tensor:
    """The published network from its key names alone; takes the standardized image."""

    def conv(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        mean, var = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        x = (x - mean[:, None, None]) / (var[:, None, None] + 1e-5).sqrt()
        return (x * state[f"{name}.weight"][:, None, None] + state[f"{name}.bias"][:, None, None]).relu()

    x = norm(conv(image, "colm.backbone.0"), "colm.backbone.1")
    for i in (3, 4, 5):
        x = F.pad(x, (1, 1, 1, 1)).unfold(2, 5, 4).unfold(3, 5, 4).mean((-1, -2))
        first = conv(x, f"colm.backbone.{i}.conv1")
        x = first + norm(
            conv(norm(first, f"colm.backbone.{i}.bn1"), f"colm.backbone.{i}.conv2"), f"colm.backbone.{i}.bn2"
        )
    return x.mean((2, 3)) @ state["colm.out.weight"].T + state["colm.out.bias"]


@pytest.fixture(scope="module")
def checkpoint() -> dict[str, torch.Tensor]:
    layers = [("0", "1", 3, 64)]
    for i, width in ((3, 64), (4, 128), (5, 256)):
        layers.append((f"{i}.conv1", f"{i}.bn1", width, 2 * width))
        layers.append((f"{i}.conv2", f"{i}.bn2", 2 * width, 2 * width))
    shapes: dict[str, tuple[int, ...]] = {"out.weight": (37, 512), "out.bias": (37,)}
    for conv, norm, inputs, outputs in layers:
        shapes[f"backbone.{conv}.weight"] = (outputs, inputs, 3, 3)
        names = (f"{conv}.bias", *(f"{norm}.{name}" for name in ("weight", "bias", "running_mean", "running_var")))
        shapes |= {f"backbone.{name}": (outputs,) for name in names}
    generator = torch.Generator().manual_seed(7)
    state = {f"colm.{k}": torch.randn(v, generator=generator) / prod(v[1:]) ** 0.5 for k, v in shapes.items()}
    state |= {name: x.abs() + 0.5 for name, x in state.items() if name.endswith("running_var")}
    return state | {"classifier.fc.weight": torch.zeros(3), "clamp.low": torch.zeros(1)}


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_official_checkpoint(checkpoint: dict[str, torch.Tensor], suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"sympie.{suffix}"
    save_file(checkpoint, path) if suffix == "safetensors" else torch.save(checkpoint, path)
    module, image = load_official(path, (96, 130), TOPS[1]), frame((96, 130), TOPS[1])
    mean, std = (torch.tensor(v)[:, None, None] for v in (MEAN, STD))
    with torch.no_grad():
        expected = official(checkpoint, (image / TOPS[1] - mean) / std)
        for nem in (module.nem, module.deployed().nem):
            assert (nem(image) - expected).abs().max() < 1e-5 * expected.abs().max()


def test_other_weights_are_refused(checkpoint: dict[str, torch.Tensor], tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"fc.weight": torch.zeros(2)}, path)
    with pytest.raises(
        InputError, match=r"other\.safetensors: not the authors' SyMPIE checkpoint: colm\.\S+ is missing"
    ):
        load_official(path)
    save_file(checkpoint | {"colm.out.bias": torch.zeros(38)}, path)
    with pytest.raises(InputError, match=r"colm\.out\.bias is \(38,\), needed \(37,\)"):
        load_official(path)
