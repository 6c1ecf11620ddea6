"""Which function an address of a running program is in: by its memory map and the symbol tables of the files in it."""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: ELF64's own layouts, and two of its codes.
_SECTION = np.dtype("<u4,<u4,<u8,<u8,<u8,<u8,<u4,<u4,<u8,<u8")
_SECTION.names = ("name", "kind", "flags", "address", "offset", "size", "link", "info", "align", "entry")
_SYMBOL = np.dtype("<u4,u1,u1,<u2,<u8,<u8")
_SYMBOL.names = ("name", "info", "other", "section", "value", "size")
_SYMBOL_TABLE, _FUNCTION = 2, 2


class MemoryMap:
    """The files that a process has mapped, out of its /proc/self/maps."""

    def __init__(self, text: str) -> None:
        spans: dict[str, list[int]] = {}
        for line in text.splitlines():
            fields = line.split(maxsplit=5)
            if len(fields) == 6 and fields[5].startswith("/"):
                spans.setdefault(fields[5], []).extend(int(end, 16) for end in fields[0].split("-"))
        self._files = [(min(ends), max(ends), Path(name)) for name, ends in spans.items()]

    def name(self, address: int) -> str:
        """The function there; where its file has no symbol for it, the file's name."""
        for start, end, path in self._files:
            if start <= address < end:
                return _functions(path).name(address - start) or path.name
        return "unknown"


class _Functions:
    """The functions of a library, by their addresses from its beginning."""

    def __init__(self, path: Path) -> None:
        content = path.read_bytes()
        (sections_at,) = struct.unpack_from("<Q", content, 40)
        (count,) = struct.unpack_from("<H", content, 60)
        sections = np.frombuffer(content, _SECTION, count, sections_at)
        self._names, table = b"", np.zeros(0, _SYMBOL)
        for section in sections[sections["kind"] == _SYMBOL_TABLE]:
            table = np.frombuffer(content, _SYMBOL, section["size"] // _SYMBOL.itemsize, section["offset"])
            text = sections[section["link"]]
            self._names = content[text["offset"] : text["offset"] + text["size"]]
        functions = table[(table["info"] & 0xF == _FUNCTION) & (table["section"] != 0)]
        self._functions: NDArray[Any] = np.sort(functions, order=("value", "size"))

    def name(self, address: int) -> str | None:
        index = int(np.searchsorted(self._functions["value"], address, side="right")) - 1
        if index < 0:
            return None
        found = self._functions[index]
        if address >= found["value"] + found["size"]:
            return None
        start = int(found["name"])
        return readable(self._names[start : self._names.index(b"\0", start)].decode())


_functions = lru_cache(maxsize=64)(_Functions)


def readable(symbol: str) -> str:
    """A C++ symbol as the names it is made of, without types: tflite::reference_ops::Resize; others as they are."""
    if not symbol.startswith("_ZN"):
        return symbol
    rest, names = symbol[3:].lstrip("K"), []
    while number := re.match(r"\d+", rest):
        end = number.end() + int(number[0])
        names.append(rest[number.end() : end])
        rest = rest[end:]
    return "::".join(names) or symbol


def by_function(counts: Mapping[int, int], memory: MemoryMap) -> dict[str, int]:
    """Counts by address as counts by function, the largest first."""
    found: Counter[str] = Counter()
    for address, count in counts.items():
        found[memory.name(address)] += count
    return dict(found.most_common())
