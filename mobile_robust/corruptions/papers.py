"""The papers whose corruptions are registered, as they are cited in :attr:`Corruption.source`, and their decorators."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from mobile_robust.corruptions.corruption import F, corruption

IMAGENET_C_SOURCE = "ImageNet-C (Hendrycks & Dietterich, ICLR 2019), parameters of its published generator"
AFD = "AFD-Module"
SYMPIE = "SyMPIE (Barbato et al., MMSys 2024)"
DIR = "DiR (Guo et al., CVPR 2024)"
DEEPCORRECT = "DeepCorrect (Borkar & Karam, IEEE TIP 2019), section 3.2"
#: The report prints the levels of its noise; those of its other degradations appear only in its plots.
FIDELITY_NOISE = "fidelity-map report, section 3.2.1"
FIDELITY_OTHERS = "fidelity-map report, appendix A; levels chosen here"

#: The fifteen corruptions of ImageNet-C's score, in the order of its families; the other four of its nineteen, the
#: family "extra", are meant for validation.
IMAGENET_C = (
    *("gaussian_noise", "shot_noise", "impulse_noise"),
    *("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
    *("snow", "frost", "fog", "brightness"),
    *("contrast", "elastic_transform", "pixelate", "jpeg_compression"),
)


def imagenet_c(name: str, family: str, description: str, parameters: tuple[Any, ...]) -> Callable[[F], F]:
    """Registers a function with the parameters of ImageNet-C's published generator for severities 1 to 5."""
    return corruption(name, description, family=family, source=IMAGENET_C_SOURCE, parameters=parameters)


deepcorrect = partial(corruption, family="deepcorrect", source=DEEPCORRECT, unit="sigma", whole=False)
fidelity = partial(corruption, family="fidelity", source=FIDELITY_OTHERS, whole=False)
