"""The toy: its options."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mobile_robust.methods.method import LazyImport, Method, Options, Training


class ToyOptions(Options):
    """``[options]`` of a recipe."""

    variant: Literal["image", "layers"] = Field(default="image", description="what is edited; layers: the image too")
    layers: tuple[str, ...] = Field(default=(), description="two layers of the backbone, for the variant layers")

    @model_validator(mode="after")
    def _two_layers(self) -> ToyOptions:
        if len(self.layers) != (2 if self.variant == "layers" else 0):
            raise ValueError('the variant "layers" needs two layers, the variant "image" none')
        return self


class ToyTraining(Options):
    """Options of ``train toy``."""

    smoothing: float = Field(default=0.1, ge=0, lt=1, description="of the labels")


METHOD = Method(
    name="toy",
    paper="none",
    options=ToyOptions,
    build=LazyImport("mobile_robust.methods.toy.network:build"),
    pipeline=LazyImport("mobile_robust.methods.toy.network:pipeline"),
    training=Training(
        task=LazyImport("mobile_robust.methods.toy.training:Adjustment"),
        summary="a gain and a bias a colour",
        description="Train gains and biases through a frozen classifier.",
        options=ToyTraining,
        clean_share=0.5,
        corruptions=("jpeg",),
        steps=20,
        batch=2,
        rate=1e-2,
    ),
)
