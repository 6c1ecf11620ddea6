"""What two processes compute of a batch is what one computes of the whole of it, with all gradients."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import Tensor, distributed, nn

from mobile_robust.layers.joined_batch import (
    join_batch_norms,
    joined_draw,
    joined_mean,
    joined_neighbours,
    joined_variance,
)

SAMPLES = 6


def compute(number: int, of: int) -> dict[str, Tensor]:
    """Of this process's share of a batch; gradients are the mean over the processes, as in a training."""
    torch.manual_seed(0)
    batch, noise = torch.randn(SAMPLES, 3, 4, 4), joined_draw(lambda count: torch.randn(count, 2), SAMPLES // of)
    norms = nn.Sequential(nn.BatchNorm2d(3), nn.BatchNorm2d(3, affine=False, momentum=None))
    scale = nn.Parameter(torch.ones(3, 1, 1))
    join_batch_norms(norms)
    losses = []
    for _ in range(2):  # the running statistics of the second depend on those of the first
        out = norms(batch[number::of] * scale)
        unlike = (out * joined_neighbours(out) ** 3).mean((1, 2, 3))
        losses.append((out.exp().mean((1, 2, 3)) / joined_variance(out.square()) + unlike).mean())
    sum(losses).backward()
    learned = [scale, *norms.parameters()]
    gradients = {f"gradient {i}": joined_mean(parameter.grad) for i, parameter in enumerate(learned)}
    of_channels = joined_variance(batch[number::of], (0, 2, 3))
    return {
        **norms.state_dict(),
        **gradients,
        "loss": joined_mean(losses[1].detach()),
        "noise": noise,
        "v": of_channels,
    }


def process(number: int, folder: Path) -> None:
    distributed.init_process_group("gloo", f"file://{folder}/meeting", rank=number, world_size=2)
    torch.save(compute(number, 2), folder / f"{number}.pt")
    distributed.destroy_process_group()
    os._exit(0)  # PyTorch's threads, which it may not have joined yet, can abort the interpreter's own end


@pytest.mark.slow
def test_two_processes_compute_as_one(tmp_path: Path) -> None:
    alone = compute(0, 1)
    torch.multiprocessing.spawn(process, (tmp_path,), nprocs=2)
    shares = [torch.load(tmp_path / f"{number}.pt") for number in (0, 1)]
    noises = [share.pop("noise") for share in shares]
    assert torch.equal(torch.stack(noises, 1).flatten(0, 1), alone.pop("noise"))  # sample by sample in turn
    for share in shares:
        torch.testing.assert_close(share, alone, rtol=1e-4, atol=1e-6)


def test_one_process_computes_as_pytorch_does() -> None:
    x, norm = torch.randn(4, 3, 5, 5), nn.BatchNorm2d(3)
    join_batch_norms(norm)
    assert type(norm) is nn.BatchNorm2d and joined_mean(x) is x
    assert torch.equal(joined_variance(x), x.var()) and torch.equal(joined_variance(x, (0, 2)), x.var((0, 2)))
    assert joined_draw(torch.zeros, 4).shape == (4,) and torch.equal(joined_neighbours(x), x[[3, 0, 1, 2]])
