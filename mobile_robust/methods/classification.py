"""What the methods that learn from the classifier's answer have in common: which answer is right."""

from __future__ import annotations

import torch
from torch import Tensor

from mobile_robust.methods.task import Task


class Classification(Task):
    """A task whose loss is the cross-entropy of the frozen classifier's answer."""

    def targets(self, clean: Tensor, labels: Tensor) -> Tensor:
        """The classes (B,): the labels, and where there is none (-1) what the backbone answers to the clean crop."""
        if bool((labels >= 0).all()):
            return labels
        with torch.no_grad():
            return torch.where(labels >= 0, labels, self.pipeline.alone(self.images(clean)).argmax(1))
