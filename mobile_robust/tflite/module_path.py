"""Which operations of a TFLite file come from given submodules of the network it was converted from.

litert-torch names a tensor after the module that made it: ``…ChannelsLast/package.Net_network/package.Block_nem/…;3``,
class and attribute at every level; operations that were fused into one carry several names, separated by ``;;``.
"""

from __future__ import annotations

from collections.abc import Sequence

from mobile_robust.tflite.file import TfliteFile

#: Levels of the wrapper around the network (``tflite.ChannelsLast`` and its ``network``).
_WRAPPER = 2


def tensors_of(file: TfliteFile, layers: Sequence[str]) -> frozenset[str]:
    """Names of the tensors that operations of these submodules give, such as "dwm" or "nem.out".

    An operation that lost its name (the file's outputs are renamed) belongs to where its inputs come from.
    """
    paths = [layer.split(".") for layer in layers]
    found: set[str] = set()
    for op in file.operations:
        name = op.outputs[0].name
        if "/" in name:
            inside = any(_inside(one, path) for one in name.split(";;") for path in paths)
        else:
            inside = bool(op.runtime_inputs) and all(t.name in found for t in op.runtime_inputs)
        if inside:
            found.update(t.name for t in op.outputs)
    return frozenset(found)


def _inside(name: str, path: Sequence[str]) -> bool:
    levels = name.partition(";")[0].split("/")[_WRAPPER:]
    return len(levels) >= len(path) and all(
        level.endswith(f"_{attribute}") for level, attribute in zip(levels, path, strict=False)
    )
