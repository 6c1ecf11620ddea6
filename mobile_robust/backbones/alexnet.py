"""AlexNet as torchvision has it (Krizhevsky, One weird trick for parallelizing convolutional neural networks, 2014).

DeepCorrect's AlexNet is the first one (Krizhevsky et al., 2012), which differs: 96, 256, 384, 384, 256 filters where
this one has 64, 192, 384, 256, 256; convolutions 2, 4 and 5 in two groups; local response normalization behind the
first two ReLUs; an image of 227 where this one pads 224. Layers, strides and fully connected part are the same. The
counts of the paper's Table 10 therefore hold for its widths, not for this network's.
"""

from __future__ import annotations

from torch import nn
from torchvision import models


def alexnet(num_classes: int = 1000) -> nn.Module:
    """image (B, 3, H, W), 63 x 63 or more -> logits (B, num_classes); with torchvision's layer names."""
    return models.alexnet(weights=None, num_classes=num_classes)
