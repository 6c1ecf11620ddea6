"""Which operations of a TFLite file come from which submodules of the network it was converted from.

litert-torch names a tensor after the module that made it: ``…ChannelsLast/package.Net_network/package.Block_nem/…;3``,
class and attribute at every level; operations that were fused into one carry several names, separated by ``;;``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile

from mobile_robust.tflite.file import TfliteFile

#: Levels of the wrapper around the network (``tflite.ChannelsLast`` and its ``network``).
_WRAPPER = 2


def module_paths(tensor: str) -> list[list[str]]:
    """The module paths in a tensor's name: levels from the outermost on, each as "package.Class_attribute"."""
    return [name.split("/") for name in re.split(";+", tensor)]


def shared_levels(path: Sequence[str], attributes: Sequence[str]) -> int:
    """How many levels at the beginning of a module path are called as these attributes are."""
    pairs = zip(path, attributes, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0].endswith(f"_{pair[1]}"), pairs))


def tensors_of(file: TfliteFile, layers: Sequence[str]) -> frozenset[str]:
    """Names of the tensors that operations of these submodules give, such as "dwm" or "nem.out".

    An operation that lost its name (the file's outputs are renamed) belongs to where its inputs come from.
    """
    wanted = [layer.split(".") for layer in layers]
    found: set[str] = set()
    for op in file.operations:
        name = op.outputs[0].name
        if "/" in name:
            paths = module_paths(name)
            inside = any(shared_levels(path[_WRAPPER:], layer) == len(layer) for path in paths for layer in wanted)
        else:
            inside = bool(op.runtime_inputs) and all(t.name in found for t in op.runtime_inputs)
        if inside:
            found.update(t.name for t in op.outputs)
    return frozenset(found)
