"""PyTorch deploy form -> TFLite, channels last at the borders, with names that an app developer expects."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from mobile_robust.errors import InputError, first_line
from mobile_robust.files import write_atomically
from mobile_robust.quiet import quiet


class ChannelsLast(nn.Module):
    """Takes and gives NHWC where the network works on NCHW; the converter cancels the transposes at the borders."""

    def __init__(self, network: nn.Module, output: str) -> None:
        super().__init__()
        self.network, self.output = network, output

    def forward(self, **inputs: Tensor) -> dict[str, Tensor]:
        """Inputs by name, (1, H, W, C) or (1, numbers) each -> {output: (1, H, W, C) or (1, numbers)}."""
        result = self.network(*(x.permute(0, 3, 1, 2) if x.dim() == 4 else x for x in inputs.values()))
        return {self.output: result.permute(0, 2, 3, 1) if result.dim() == 4 else result}


def channels_last(x: Tensor) -> Tensor:
    """An input as the file takes it: (1, C, H, W) -> (1, H, W, C), numbers as they are."""
    return x.permute(0, 2, 3, 1).contiguous() if x.dim() == 4 else x


def convert_tflite(deploy: nn.Module, inputs: dict[str, Tensor], output: str, path: Path) -> None:
    """Writes the float32 file.

    Args:
        deploy: Network in eval mode, NCHW.
        inputs: One example per input by name, (1, C, H, W) or (1, numbers), in the order of ``deploy``'s arguments.
        output: Name of the output.
        path: File to write.

    Raises:
        InputError: The converter cannot take the network.
    """
    examples = {name: channels_last(x) for name, x in inputs.items()}
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with quiet():
            import litert_torch

            model = litert_torch.convert(ChannelsLast(deploy, output).eval(), sample_kwargs=examples)
            model.export(str(temporary))
    except Exception as error:  # whatever a converter raises on a network it cannot take
        raise InputError(f"litert-torch cannot convert this network to TFLite: {first_line(error)}") from error
    try:
        write_atomically(path, temporary.read_bytes())
    finally:
        temporary.unlink(missing_ok=True)
