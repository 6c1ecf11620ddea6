"""Training form to deploy form: an equal function, a copy where it ships, differentiable where it is trained."""

import copy

import pytest
import torch
from torch import Tensor, nn

from mobile_robust.layers.deploy import deployed, fused, with_children
from mobile_robust.layers.repconv import RepConv
from tests.randomize import randomize, relative_error


class Net(nn.Module):
    """Two blocks, one of them deep inside, beside a layer that has no deploy form of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.first = RepConv(3, 6, stride=2)
        self.rest = nn.ModuleDict({"inner": nn.Sequential(nn.Conv2d(6, 6, 3), RepConv(6, 4, relu=False))})

    def forward(self, x: Tensor) -> Tensor:
        return self.rest["inner"](self.first(x))


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    return randomize(Net())


@pytest.fixture
def image() -> Tensor:
    return torch.randn(2, 3, 12, 16, generator=torch.Generator().manual_seed(1))


def test_every_block_is_replaced_and_the_function_stays(net: Net, image: Tensor) -> None:
    form = deployed(net)
    assert type(form) is Net and not [m for m in form.modules() if isinstance(m, RepConv | nn.BatchNorm2d)]
    assert relative_error(net(image), form(image)) < 1e-5
    assert not form.training and not [p for p in form.parameters() if p.requires_grad or p.dtype != torch.float32]


def test_the_deploy_form_shares_nothing_with_the_training_form(net: Net) -> None:
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    for parameter in deployed(net).parameters():
        parameter.fill_(7)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert isinstance(net.first, RepConv) and {p.dtype for p in net.parameters()} == {torch.float32}


def test_a_deploy_form_is_its_own_deploy_form(net: Net, image: Tensor) -> None:
    form = deployed(net)
    assert torch.equal(deployed(form)(image), form(image))


def test_the_algebra_is_done_in_float64(image: Tensor) -> None:
    """Branches that nearly cancel: in float32 their sum keeps three digits."""
    torch.manual_seed(0)
    block, matrix = randomize(RepConv(3, 4, relu=False)), torch.randn(4, 4)
    (shift, spatial, norm), (spatial_first, mix, norm_last) = block.pointwise_first, block.pointwise_last
    shift.weight.copy_(torch.eye(3)[:, :, None, None])
    mix.weight.copy_(matrix[:, :, None, None])
    spatial_first.weight.copy_(torch.einsum("om,mihw->oihw", matrix.inverse(), spatial.weight))
    norm.weight.mul_(1e4)
    norm_last.load_state_dict(norm.state_dict())
    norm_last.weight.neg_()
    for tensor in (shift.bias, spatial_first.bias, norm.running_mean, norm_last.running_mean):
        tensor.zero_()
    exact = copy.deepcopy(block).double().fuse()(image.double())
    assert relative_error(exact, block.fuse()(image).double()) > 1e-4
    assert relative_error(exact, deployed(block)(image).double()) < 1e-6


def test_gradients_through_the_deploy_form_are_the_training_forms(net: Net, image: Tensor) -> None:
    net, image = net.double().requires_grad_(True), image.double()
    form = fused(net)
    torch.testing.assert_close(form(image), net(image))
    names, parameters = zip(*net.named_parameters(), strict=True)
    expected, got = (torch.autograd.grad(each(image).square().sum(), parameters) for each in (net, form))
    for name, a, b in zip(names, expected, got, strict=True):
        assert torch.allclose(a, b), name
    inner = {id(p) for p in net.rest["inner"][0].parameters()}
    assert {id(p) for p in form.parameters()} == inner, "computed weights are no parameters of their own"


def test_with_children_replaces_in_a_copy_and_shares_the_rest(net: Net) -> None:
    clone = with_children(net, first=nn.Identity())
    assert isinstance(net.first, RepConv) and isinstance(clone.first, nn.Identity)
    assert clone.rest is net.rest and type(clone) is Net
    clone.register_buffer("more", torch.zeros(1))
    clone.own = nn.Parameter(torch.zeros(1))
    assert not [name for name in net.state_dict() if name in ("more", "own")]
