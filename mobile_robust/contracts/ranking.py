"""Ranking: how much each filter of some layers suffers from a corruption, and on which photos that was found out."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from mobile_robust.contracts.contract import Contract
from mobile_robust.documents import read_model


class Ranking(Contract):
    """Correction priorities (DeepCorrect, Algorithm 1), and what they were measured with.

    tau of a filter = top-1 accuracy on corrupted photos with this filter's map swapped for the clean photo's, minus the
    accuracy without any swap.
    """

    schema_version: Literal[1] = 1
    tool: str = Field(description="name and version of the program")
    backbone: str = Field(description="the backbone's name")
    weights: str = Field(description="the backbone's weights, in words")
    weights_sha256: str = Field(description="over the backbone's tensors, in order of name")
    size: tuple[int, int] = Field(description="height and width of the photos in pixels")
    images: int = Field(description="number of photos", ge=1)
    images_sha256: str = Field(description="over the bytes of the photos' files, in order")
    labels: Literal["network", "names", "folders", "table"] = Field(
        description="where the right class is from; network: the backbone's own answer to the clean photo"
    )
    corruption: str
    levels: tuple[float, ...]
    seed: int
    clean_accuracy: float = Field(description="top-1 on the clean photos")
    corrupted_accuracy: float = Field(description="p_b: top-1 over all photos at all levels, no filter swapped")
    layers: dict[str, tuple[float, ...]] = Field(description="layer -> tau of each of its filters")

    @model_validator(mode="after")
    def _some_filter(self) -> Ranking:
        if not self.layers or not all(self.layers.values()):
            raise ValueError("layers: at least one layer is needed, with at least one filter each")
        return self

    def orders(self) -> dict[str, list[int]]:
        """Layer -> all its filters, the most susceptible first; of equal ones that with the lower index."""
        return {layer: sorted(range(len(tau)), key=lambda j: (-tau[j], j)) for layer, tau in self.layers.items()}

    def global_(self, total: int) -> dict[str, list[int]]:
        """The ``total`` most susceptible filters of all layers together, by layer, the worst first.

        Of equal ones those of the earlier layer come first, then those with the lower index; a layer may get none.
        """
        filters = [(t, layer, j) for layer, tau in self.layers.items() for j, t in enumerate(tau)]
        chosen: dict[str, list[int]] = {layer: [] for layer in self.layers}
        for _, layer, j in sorted(filters, key=lambda each: -each[0])[:total]:
            chosen[layer].append(j)
        return chosen


def read_ranking(path: Path) -> Ranking:
    """Reads a file that ``mobile_robust.rank`` wrote; raises InputError for one that this version cannot read."""
    return read_model(path, Ranking, "a ranking of schema version 1")
