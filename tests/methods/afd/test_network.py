"""AFD-Module: both forms equal, the deploy form plain, every block by itself, what it cannot take refused."""

import pytest
import torch
from torch import nn

from mobile_robust.contracts.recipe import Recipe
from mobile_robust.errors import InputError
from mobile_robust.layers.normalize import ImageRange
from mobile_robust.layers.space_depth import DepthToSpace
from mobile_robust.methods.afd.method import AFDOptions
from mobile_robust.methods.afd.network import AFD, build
from mobile_robust.methods.site import Site
from tests.randomize import randomize, relative_error

IMAGENET = ImageRange(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def inputs(channels: int, stride: int, top: float = 1) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    image = torch.rand(2, 3, 48, 64, generator=generator) * top
    return image, torch.randn(2, channels, 48 // stride, 64 // stride, generator=generator)


@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("image_range", [ImageRange(), ImageRange.of(255), IMAGENET])
def test_forms_are_equal(stride: int, image_range: ImageRange) -> None:
    torch.manual_seed(0)
    module = randomize(AFD(16, "afd_nano", image_range, stride))
    image, features = inputs(16, stride, 1 / max(image_range.std))
    expected = module(image, features)
    assert expected.shape == features.shape
    assert relative_error(expected, module.deployed()(image, features)) < 1e-5
    assert relative_error(expected, features) > 0.01  # the residual is not negligible, so its error would show


class Stem(nn.Module):
    """A backbone whose first layer gives features of any size."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.conv, self.pool, self.head = nn.Conv2d(3, 16, 1), nn.AdaptiveAvgPool2d(size), nn.Conv2d(16, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.pool(self.conv(x)))


def built(image: tuple[int, int], features: tuple[int, int]) -> AFD:
    backbone = {"name": "mine", "layer": "pool"}
    section = {"size": image, "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
    recipe = Recipe(name="test", method="afd", scope="module", input=section, backbone=backbone)
    return build(Site(recipe, Stem(features).eval()), AFDOptions(variant="afd_nano"))


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_the_stride_is_the_stems(stride: int) -> None:
    assert built((224, 160), (224 // stride, 160 // stride)).fe.stride == stride


@pytest.mark.parametrize(("image", "features"), [(224, 28), (224, 100), (40, 10), (224, 448)])
def test_features_that_do_not_fit_are_refused(image: int, features: int) -> None:
    for sizes in (((image, image), (features, features)), ((image, 64), (features, 64)), ((64, image), (64, features))):
        with pytest.raises(InputError, match="divide the image's side"):
            built(*sizes)


def test_images_of_broken_blocks_are_refused() -> None:
    with pytest.raises(InputError, match=r"behind layer pool are \(16, 114, 112\), .* multiples of 8, not 228x224"):
        built((228, 224), (114, 112))


def test_the_deploy_form_is_plain() -> None:
    deployed = randomize(AFD()).deployed()
    leaves = {type(m) for m in deployed.modules() if not list(m.children())}
    assert leaves == {nn.Conv2d, nn.ReLU, DepthToSpace}
    graph = torch.export.export(deployed, inputs(64, 2)).graph
    called = {node.target.overloadpacket.__name__ for node in graph.nodes if node.op == "call_function"}
    assert called == {"conv2d", "relu", "cat", "add", "sub", "permute", "reshape", "transpose", "pad"}
    convolutions = [m for m in deployed.modules() if isinstance(m, nn.Conv2d)]
    assert all(c.groups == 1 and c.bias is not None for c in convolutions)
    assert [(c.kernel_size, c.stride) for c in convolutions if c.kernel_size[0] == 8] == [((8, 1), (8, 1))]


def test_without_guidance_the_image_does_not_matter() -> None:
    module = randomize(AFD(16, "afd_nano_unguided"))
    image, features = inputs(16, 2)
    assert torch.equal(module(image, features), module(1 - image, features))
    assert len(module.state_dict()) < len(AFD(16, "afd_nano").state_dict())


def test_one_block_changes_only_its_own_guide() -> None:
    """FDE-Net's stages are 1x1, so a block's estimate must not depend on its neighbours."""
    module = randomize(AFD(16, "afd_nano").double())
    image = inputs(16, 2)[0].double()
    changed = image.clone()
    changed[:, :, 8:16, 16:24] += 0.5
    moved = (module.fde(changed) - module.fde(image)).abs().amax((0, 1)) > 1e-9
    assert moved.nonzero().tolist() == [[1, 2]]
