"""The all-convolutional network that DeepCorrect corrects on CIFAR-100 (Borkar & Karam, Fig. 3a).

After Springenberg et al., Striving for Simplicity: The All Convolutional Net (2014), with a batch norm behind every
convolution. 1,389,804 parameters at 100 classes, as in the paper's Table 3.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

#: (kernel, channels, stride) of conv1 to conv8; conv9 is 1x1 to the classes.
_LAYERS = ((3, 96, 1), (3, 96, 1), (3, 96, 2), (3, 192, 1), (3, 192, 1), (3, 192, 2), (3, 192, 1), (1, 192, 1))


class AllConv(nn.Module):
    """image (B, 3, H, W) -> logits (B, num_classes): nine convolutions, each with batch norm and ReLU, then the mean.

    The layers are called conv1, bn1, …, conv9, bn9.
    """

    def __init__(self, num_classes: int = 100) -> None:
        super().__init__()
        before = 3
        for number, (kernel, channels, stride) in enumerate((*_LAYERS, (1, num_classes, 1)), start=1):
            self.add_module(f"conv{number}", nn.Conv2d(before, channels, kernel, stride, kernel // 2))
            self.add_module(f"bn{number}", nn.BatchNorm2d(channels))
            before = channels

    def forward(self, image: Tensor) -> Tensor:
        x = image
        for number in range(1, len(_LAYERS) + 2):
            conv, norm = self.get_submodule(f"conv{number}"), self.get_submodule(f"bn{number}")
            x = F.relu(norm(conv(x)))  # 96 channels, from conv4 on 192 and half the size, from conv6 on a quarter
        return x.mean((2, 3))  # (B, num_classes)
