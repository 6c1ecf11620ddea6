"""The papers whose corruptions are registered, as they are cited in :attr:`Corruption.source`, and their entries."""

from __future__ import annotations

from functools import partial
from typing import Any

from mobile_robust.corruptions.corruption import Apply, Corruption

IMAGENET_C_SOURCE = "ImageNet-C (Hendrycks & Dietterich, ICLR 2019), parameters of its published generator"
AFD = "AFD-Module"
SYMPIE = "SyMPIE (Barbato et al., MMSys 2024)"
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


def imagenet_c(name: str, apply: Apply, family: str, description: str, parameters: tuple[Any, ...]) -> Corruption:
    """An entry whose parameters are those of ImageNet-C's published generator."""
    return Corruption(name, apply, family, IMAGENET_C_SOURCE, description, parameters)


deepcorrect = partial(Corruption, family="deepcorrect", source=DEEPCORRECT, unit="sigma", whole=False)
fidelity = partial(Corruption, family="fidelity", source=FIDELITY_OTHERS, whole=False)
