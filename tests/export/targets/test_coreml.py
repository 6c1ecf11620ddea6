"""Core ML packages: an image input where the app has pixels, names, and weights stored as asked."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mobile_robust.contracts.manifest import read_manifest
from mobile_robust.contracts.precisions import PRECISIONS, Precision, precisions_of
from mobile_robust.coreml_import import import_coremltools
from mobile_robust.export.rounding import is_compressed, least_compressed, prepare
from mobile_robust.export.targets.coreml import convert_coreml
from mobile_robust.runtimes.coreml_mil.runtime import CoremlMil
from tests.export.networks import images, kinds

COMPRESSED = {"int8w": "constexpr_affine_dequantize", "pal6": "constexpr_lut_to_dense"}
NAMES = precisions_of("coreml")


def specification(path: Path) -> Any:
    return import_coremltools().utils.load_spec(str(path))


def operations(spec: Any) -> Counter:
    function = spec.mlProgram.functions["main"]
    return Counter(op.type for op in function.block_specializations[function.opset].operations)


@pytest.mark.parametrize("precision", NAMES)
def test_the_module_takes_pixels_and_says_what_it_gives(module_build: Path, precision: str) -> None:
    spec = specification(module_build / f"small_{precision}.mlpackage")
    image, features = spec.description.input
    assert (image.name, image.type.WhichOneof("Type")) == ("image", "imageType")
    pixels = image.type.imageType
    assert (pixels.width, pixels.height) == (64, 64)
    assert pixels.colorSpace == pixels.ColorSpace.Value("RGB")
    assert image.shortDescription == "RGB photo, 64x64, values in [0, 255]"
    assert (features.name, tuple(features.type.multiArrayType.shape)) == ("features", (1, 32, 32, 32))
    (repaired,) = spec.description.output
    assert repaired.name == "repaired" and repaired.shortDescription.startswith("repaired features of mobilenetv2_100")
    assert spec.specificationVersion == 7  # iOS 16
    metadata = spec.description.metadata
    assert (metadata.author, metadata.shortDescription) == ("mobile-robust", "small")
    assert metadata.userDefined["mobile_robust.label"] == "untrained: latency only"


def test_the_manifest_lists_operations_and_image_inputs(module_build: Path) -> None:
    artifacts = {a.precision: a for a in read_manifest(module_build).artifacts if a.target == "coreml"}
    assert tuple(artifacts) == NAMES
    for precision, artifact in artifacts.items():
        assert artifact.operations["conv"] == 10 and COMPRESSED.get(precision, "add") in artifact.operations
        assert artifact.inputs[0].dtype == "image (RGB)" and artifact.bytes > 10_000
    sizes = [artifacts[p].bytes for p in NAMES]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["int8w", "pal6"])
def test_compressed_files_hold_the_prepared_weights(tmp_path: Path, precision: Precision) -> None:
    example = {"image": images(1)[0]}
    prepared = prepare(kinds(), [(image,) for image in images(4)], precision)
    model = convert_coreml(prepared, example, "logits", PRECISIONS[precision])
    path = tmp_path / "kinds.mlpackage"
    model.save(str(path))
    spec, least = specification(path), least_compressed(prepared)
    compressed = [layer for layer in prepared.layers() if is_compressed(layer, least)]
    assert operations(spec)[COMPRESSED[precision]] == len(compressed) == 2
    assert spec.description.input[0].type.WhichOneof("Type") == "multiArrayType"
    got = CoremlMil().open(path).predict({"image": example["image"].numpy()})["logits"]
    with torch.no_grad():
        expected = prepared(example["image"]).numpy()
    np.testing.assert_allclose(got, expected, atol=3e-3 * np.ptp(expected))


class _SlicesOfAll(torch.nn.Module):
    """As GhostNet's blocks cut off no channel; an output that is a slice as well."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = (torch.nn.Conv2d(channels, 8, 1) for channels in (3, 8))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(image)[:, :8])[:, :8]


@pytest.mark.slow
def test_a_slice_of_all_channels_is_converted(tmp_path: Path) -> None:
    network, image = _SlicesOfAll().eval().requires_grad_(False), torch.rand(1, 3, 8, 8)
    model = convert_coreml(network, {"image": image}, "y", PRECISIONS["fp32"])
    model.save(str(tmp_path / "slices.mlpackage"))
    with CoremlMil().open(tmp_path / "slices.mlpackage") as session:
        assert np.allclose(session.predict({"image": image.numpy()})["y"], network(image).numpy(), atol=1e-5)
