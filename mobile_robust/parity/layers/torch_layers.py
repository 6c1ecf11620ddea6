"""The convolutions and linear layers a PyTorch network calls, in order, with what they were given and computed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


@dataclass
class LayerCall:
    """One call of a layer. ``output`` is what the layer itself gave; ``norm`` is the batch norm right behind it."""

    name: str
    module: nn.Conv2d | nn.ConvTranspose2d | nn.Linear
    input_shape: tuple[int, ...]
    output: Tensor
    norm: nn.BatchNorm2d | None = None

    @property
    def channels_first(self) -> bool:
        """True where input and output are N C H W; a linear layer has its channels last already."""
        return not isinstance(self.module, nn.Linear)

    def normalized(self, output: Tensor) -> Tensor:
        """The batch norm by itself, in evaluation mode: timm's may hold an activation too."""
        norm = self.norm
        if norm is None:
            return output
        return nn.functional.batch_norm(
            output, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps
        )


def trace(model: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[list[LayerCall], Tensor]:
    """The calls of a network's layers in evaluation mode, in order, and its output; its mode is restored."""
    calls: list[LayerCall] = []
    given: dict[int, tuple[Tensor, LayerCall]] = {}  # the tensor is kept, so that its id stays its own

    def record(name: str, module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, LAYERS):
            # A copy: an activation behind it may work in place.
            calls.append(LayerCall(name, module, tuple(args[0].shape), output.clone()))
            given[id(output)] = (output, calls[-1])
        elif isinstance(module, nn.BatchNorm2d) and id(args[0]) in given:
            given[id(args[0])][1].norm = module

    hooks = [
        module.register_forward_hook(lambda module, args, output, name=name: record(name, module, args, output))
        for name, module in model.named_modules()
    ]
    training = model.training
    try:
        with torch.no_grad():
            output = model.eval()(*inputs)
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return calls, output
