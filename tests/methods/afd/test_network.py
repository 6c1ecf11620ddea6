"""AFD-Module: both forms equal, the deploy form plain, the sizes within the paper's."""

import pytest
import torch
from torch import nn

from mobile_robust.errors import InputError
from mobile_robust.methods.adapter import ImageRange
from mobile_robust.methods.afd import network as afd
from mobile_robust.methods.afd.network import AFD, VARIANTS
from tests.randomize import randomize, relative_error

CHANNELS = {"afd": 64, "afd_nano": 32, "afd_nano_unguided": 32, "afd_nano_plain": 32}
RANGES = [
    ImageRange(),
    ImageRange.of(255),
    ImageRange(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
]


def inputs(channels: int, stride: int, top: float, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    image = torch.rand(2, 3, 48, 64, dtype=dtype, generator=generator) * top
    features = torch.randn(2, channels, 48 // stride, 64 // stride, dtype=dtype, generator=generator)
    return image, features


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("image_range", RANGES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_forms_are_equal(variant: str, image_range: ImageRange, dtype: torch.dtype, tolerance: float) -> None:
    torch.manual_seed(0)
    module = randomize(AFD(CHANNELS[variant], variant, image_range).to(dtype))
    image, features = inputs(CHANNELS[variant], 2, 1 / max(image_range.std), dtype)
    expected = module(image, features)
    assert relative_error(expected, module.reparameterize()(image, features)) < tolerance
    assert relative_error(expected, features) > 0.01  # the residual is not negligible, so its error would show


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_stem_strides(stride: int) -> None:
    module = randomize(AFD(16, "afd_nano", stride=stride))
    image, features = inputs(16, stride, 1, torch.float32)
    expected = module(image, features)
    assert expected.shape == features.shape
    assert relative_error(expected, module.reparameterize()(image, features)) < 1e-5
    module.check((224, 160), (224 // stride, 160 // stride))


@pytest.mark.parametrize(("image", "features"), [(224, 28), (224, 100), (40, 10), (224, 448)])
def test_features_that_do_not_fit_are_refused(image: int, features: int) -> None:
    for sizes in (((image, image), (features, features)), ((image, 64), (features, 64)), ((64, image), (64, features))):
        with pytest.raises(ValueError, match="divide the image's side"):
            AFD(16, "afd_nano").check(*sizes)


def test_images_of_broken_blocks_are_refused() -> None:
    with pytest.raises(ValueError, match="sides are multiples of 8, not 228x224"):
        AFD(16, "afd_nano").check((228, 224), (114, 112))


def test_deploy_form_is_plain() -> None:
    deployed = randomize(AFD()).reparameterize()
    leaves = {type(m) for m in deployed.modules() if not list(m.children())}
    assert leaves == {nn.Conv2d, nn.ReLU}
    graph = torch.export.export(deployed, inputs(64, 2, 1, torch.float32)).graph
    called = {node.target.overloadpacket.__name__ for node in graph.nodes if node.op == "call_function"}
    assert called == {"conv2d", "relu", "cat", "add", "sub", "permute", "reshape", "transpose", "pad"}
    convolutions = [m for m in deployed.modules() if isinstance(m, nn.Conv2d)]
    assert all(c.groups == 1 and c.bias is not None for c in convolutions)
    assert [(c.kernel_size, c.stride) for c in convolutions if c.kernel_size[0] == 8] == [((8, 1), (8, 1))]


def test_without_guidance_the_image_does_not_matter() -> None:
    module = randomize(AFD(16, "afd_nano_unguided"))
    image, features = inputs(16, 2, 1, torch.float32)
    assert torch.equal(module(image, features), module(1 - image, features))
    assert len(module.state_dict()) < len(AFD(16, "afd_nano").state_dict())


def test_one_block_changes_only_its_own_guide() -> None:
    """FDE-Net's stages are 1x1, so a block's estimate must not depend on its neighbours."""
    module = randomize(AFD(16, "afd_nano").double())
    image, _ = inputs(16, 2, 1, torch.float64)
    changed = image.clone()
    changed[:, :, 8:16, 16:24] += 0.5
    moved = (module.fde(changed) - module.fde(image)).abs().amax((0, 1)) > 1e-9
    assert moved.nonzero().tolist() == [[1, 2]]


def test_reparameterize_leaves_the_training_form_alone() -> None:
    module = randomize(AFD(16, "afd_nano"))
    before = {k: v.clone() for k, v in module.state_dict().items()}
    deployed = module.reparameterize()
    for parameter in deployed.parameters():
        parameter.data.zero_()
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_reparameterize_wants_eval_mode_and_the_training_form() -> None:
    with pytest.raises(RuntimeError, match=r"call eval\(\) first"):
        AFD().train().reparameterize()
    with pytest.raises(RuntimeError, match="deploy form already"):
        AFD().eval().reparameterize().reparameterize()


def test_gradients_reach_every_parameter() -> None:
    module = AFD(16, "afd_nano").train()
    module(*inputs(16, 2, 1, torch.float32)).square().mean().backward()
    # a bias in front of a batch norm is cancelled by it while training
    dead = [n for n, p in module.named_parameters() if p.grad is None]
    assert not dead


def test_builder_names_what_it_does_not_know() -> None:
    with pytest.raises(InputError, match="option of method afd 'width'; known: variant"):
        afd.build(64, 2, ImageRange(), {"width": 3})
    with pytest.raises(InputError, match="AFD variant 'tiny'; known: afd, afd_nano, "):
        afd.build(64, 2, ImageRange(), {"variant": "tiny"})
    with pytest.raises(InputError, match="must be one of afd, afd_nano, .*got 3"):
        afd.build(64, 2, ImageRange(), {"variant": 3})
