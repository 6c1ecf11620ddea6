"""Image corruptions: one registry; name, level, seed and index determine the corrupted photo.

On one machine the result is the same to the byte; other versions of NumPy or Pillow, or another number of BLAS threads,
may round single pixels differently.

Lengths are pixels of the published images, 224 pixels a side, except where a corruption says otherwise: a larger photo
is blurred or covered relatively less. For the published damage corrupt the crop that the network sees. The smallest
side is 32 pixels.
"""

from mobile_robust.corruptions.corruption import Corruption
from mobile_robust.corruptions.papers import IMAGENET_C
from mobile_robust.corruptions.registry import CORRUPTIONS, SMALL_SIDE, by_family, corrupt, find, select

__all__ = ["CORRUPTIONS", "IMAGENET_C", "SMALL_SIDE", "Corruption", "by_family", "corrupt", "find", "select"]
