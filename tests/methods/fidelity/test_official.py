"""The authors' state dict gives their numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from mobile_robust.errors import InputError
from mobile_robust.methods.fidelity.official import load_official
from tests.methods.fidelity.reference import published_logits, published_state, resnet


@pytest.mark.parametrize(("ensemble", "norms", "depth"), [(False, False, 20), (True, False, 5), (False, True, 4)])
def test_numbers_of_the_published_pipeline(tmp_path: Path, ensemble: bool, norms: bool, depth: int) -> None:
    network = resnet("resnet18", 7)
    state = published_state(network, 512, 3, depth, norms, ensemble)
    path = tmp_path / ("fg_nic.safetensors" if norms else "fg_nic.pth")
    save_file(state, path) if norms else torch.save(state, path)
    image = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(2))
    pipeline = load_official(path, "resnet18")
    with torch.no_grad():
        logits = pipeline(image)
    expected = published_logits(network, state, image)
    assert expected.std() > 1e-2
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-4)
    assert (pipeline.baseline(image) - logits).abs().max() > 1e-2


def test_official_weights_of_another_backbone(tmp_path: Path) -> None:
    network = resnet("resnet18", 7)
    save_file(published_state(network, 512, 3, 3, False, False), path := tmp_path / "fg_nic.safetensors")
    with pytest.raises(
        InputError, match=r"fg_nic.safetensors does not fit backbone resnet50; is it another backbone's\?: .* missing"
    ):
        load_official(path, "resnet50")
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(InputError, match="not the authors' fidelity-map checkpoint"):
        load_official(path, "resnet18")
