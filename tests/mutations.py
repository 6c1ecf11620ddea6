"""Damaged copies of files: what a reader of untrusted bytes is tried with."""

from __future__ import annotations

import random

_NUMBERS = (0, 1, 2**20, 2**30, 2**31 - 1, 2**31, 2**32 - 1)


def mutated(content: bytes, seed: int) -> bytes:
    """The same copy for the same seed: bits, bytes and numbers changed, pieces moved, the end cut off."""
    rng = random.Random(seed)
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        at = rng.randrange(len(changed))
        match rng.randrange(6):
            case 0 | 1:
                changed[at] ^= 1 << rng.randrange(8)
            case 2:
                changed[at] = rng.choice((0, 1, 127, 128, 255))
            case 3:
                changed[at & ~3 : (at & ~3) + 4] = rng.choice(_NUMBERS).to_bytes(4, "little")
            case 4:
                start, count = rng.randrange(len(changed)), rng.choice((4, 8, 64))
                changed[at : at + count] = changed[start : start + count]
            case 5 if rng.random() < 0.2:
                del changed[max(1, at) :]
    return bytes(changed)
