"""What depends on the image's size alone is computed once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mobile_robust.layers.constant import Constant, fold_constants


class Positions(nn.Module):
    """(height, width) -> (1, 4, height, width)."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Conv2d(2, 4, 1)

    def forward(self, size: tuple[int, int]) -> Tensor:
        rows, columns = torch.meshgrid(*(torch.arange(side, dtype=torch.float32) for side in size), indexing="ij")
        return self.project(torch.stack([rows, columns])[None].sin())


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.positions, self.head = nn.Conv2d(3, 4, 1), Positions(), nn.Conv2d(4, 2, 1)

    def forward(self, image: Tensor) -> Tensor:
        x = self.stem(image)
        return self.head(x + self.positions(size=(x.shape[2], x.shape[3])))


@torch.no_grad()
def test_a_layer_that_is_handed_no_tensor_becomes_what_it_gave() -> None:
    network, image = Network().eval(), torch.rand(1, 3, 5, 7)
    folded = fold_constants(network, [torch.zeros_like(image)])
    assert torch.equal(folded(image), network(image))
    assert isinstance(folded.positions, Constant) and folded.positions.value.shape == (1, 4, 5, 7)
    assert isinstance(folded.stem, nn.Conv2d) and isinstance(network.positions, Positions)


def test_a_network_without_such_layers_stays_the_same_one() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU()).eval()
    assert fold_constants(network, [torch.rand(1, 3, 4, 4)]) is network
