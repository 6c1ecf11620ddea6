"""Processes that share a training share every batch: what one process would compute of the whole batch.

Each has as many samples as the others: of a batch, the process with number p of n has every n-th sample from p on.
Their losses are averaged, and so are the gradients. That is right of a mean over samples; what else couples the samples
of a batch comes from here. Where there is one process, everything is computed as PyTorch does it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, distributed, nn


def _share() -> tuple[int, int]:
    """This process's number, and how many there are."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()


def _sum(x: Tensor) -> Tensor:
    """Over the processes, with its gradient."""
    from torch.distributed.nn.functional import all_reduce  # not in every build of PyTorch

    joined: Tensor = all_reduce(x)
    return joined


def joined_mean(x: Tensor) -> Tensor:
    """The mean over the processes, with its gradient."""
    _, count = _share()
    return _sum(x) / count if count > 1 else x


def joined_variance(x: Tensor, dims: tuple[int, ...] | None = None) -> Tensor:
    """``x.var(dims)`` of the whole batch; None: over all dimensions. The batch must be among them."""
    _, count = _share()
    if count == 1:
        return x.var(dims)
    dims = tuple(range(x.dim())) if dims is None else dims
    mean = joined_mean(x.mean(dims, keepdim=True))
    square = joined_mean((x - mean).square().mean(dims))
    samples = count * x.numel() // square.numel()
    return square * (samples / (samples - 1))


def joined_neighbours(x: Tensor) -> Tensor:
    """``x.roll(1, 0)`` of the whole batch: for every sample the one before it."""
    number, count = _share()
    if count == 1:
        return x.roll(1, 0)
    whole = x.new_zeros(count * len(x), *x.shape[1:])
    whole[number::count] = x
    return _sum(whole).roll(1, 0)[number::count]


def joined_draw(draw: Callable[[int], Tensor], samples: int) -> Tensor:
    """What ``draw`` gives this process's samples, of random numbers for so many samples that it makes."""
    number, count = _share()
    return draw(count * samples)[number::count]


def join_batch_norms(module: nn.Module) -> None:
    """From now on the batch norms in a module, while they train, take the statistics of the whole batch."""
    for norm in module.modules():
        if type(norm) is nn.BatchNorm2d and _share()[1] > 1:
            norm.__class__ = JoinedBatchNorm  # in place, for all that refer to it; torch's SyncBatchNorm needs GPUs


class JoinedBatchNorm(nn.BatchNorm2d):
    """A batch norm of the whole batch of all processes."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or _share()[1] == 1:
            return super().forward(x)
        values = x.float()
        mean = joined_mean(values.mean((0, 2, 3)))  # (C,)
        centred = values - mean[:, None, None]
        variance = joined_mean(centred.square().mean((0, 2, 3)))
        self._follow(mean.detach(), variance.detach(), _share()[1] * x.numel() // x.shape[1])
        scale = (variance + self.eps).rsqrt()
        if self.affine:
            scale = scale * self.weight
        normal = centred * scale[:, None, None]
        return (normal + self.bias[:, None, None] if self.affine else normal).to(x.dtype)

    def _follow(self, mean: Tensor, variance: Tensor, samples: int) -> None:
        """Takes a batch into the running statistics."""
        assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
        with torch.no_grad():
            self.num_batches_tracked += 1
            share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean, share)
            self.running_var.lerp_(variance * (samples / (samples - 1)), share)
