"""DeepCorrect's ranking as one call: a recipe's backbone and photos in, every filter's correction priority out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mobile_robust import __version__
from mobile_robust.backbones.trained_image import with_input
from mobile_robust.contracts.ranking import Ranking
from mobile_robust.contracts.recipe import BackboneSection, InputSection, Recipe
from mobile_robust.corruptions import SMALL_SIDE, find
from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.image_spec import ImageSpec
from mobile_robust.data.images import Photo, centre_crop
from mobile_robust.errors import InputError
from mobile_robust.files import state_hash
from mobile_robust.layers.normalize import ImageRange, Normalize
from mobile_robust.methods.deepcorrect.filter_selection import corrected_layers, filter_counts
from mobile_robust.methods.deepcorrect.rank.priority import Counts, RankingSetup, count_hits
from mobile_robust.methods.deepcorrect.rank.progress import Partial
from mobile_robust.methods.site import create_backbone
from mobile_robust.state_dicts import apply_state, read_state

Notify = Callable[[str], None]
OnProgress = Callable[[str, int, int], None]


def rank(
    recipe: Recipe,
    dataset: PhotoDataset,
    corruption: str,
    levels: Sequence[float] | None = None,
    layers: Sequence[str] | None = None,
    count: int | None = None,
    seed: int = 0,
    threads: int = 2,
    partial: Path | None = None,
    notify: Notify = lambda sentence: None,
    on_progress: OnProgress = lambda layer, done, total: None,
) -> Ranking:
    """Ranks the filters of some layers by how much accuracy is recovered when their output alone is that of the clean
    photo (DeepCorrect, Algorithm 1).

    Args:
        recipe: Names the backbone, its weights and layers, the photos' size and normalization.
        dataset: The photos; without labels, what the backbone predicts for the clean photo counts as right.
        corruption: Of the registry.
        levels: How strong it is, in the corruption's own unit; None: the paper's levels for photos of this size.
        layers: Convolutions of the backbone; None: the recipe's, or the paper's.
        count: Use only the first so many photos that can be decoded.
        seed: Of the corruption.
        threads: Of PyTorch on the CPU.
        partial: File that holds the counts after every batch and is resumed from. It is left there: delete it once the
            ranking is safe.
        notify: Called with a sentence for the user: broken photos, a run that is resumed.
        on_progress: Called after each batch with the layer ("": none), the steps done, and all steps.

        Raises: InputError: What is named does not exist or does not fit, no photo can be read, or the partial file is
        another's."""
    recipe = with_input(recipe)
    size, section = recipe.input.height_width, recipe.backbone
    entry = find(corruption)
    levels = levels or entry.source_levels(small=size[0] <= SMALL_SIDE)
    for level in levels:
        entry.check(level)
    if section is None:
        raise InputError(f"recipe {recipe.name} has no backbone to rank")
    torch.set_num_threads(threads)
    network, weights = _load(section)
    names = corrected_layers(section.name, recipe.options.get("layers") if layers is None else layers)
    with torch.no_grad():
        dataset.check_classes(network(torch.zeros(1, 3, *size)).shape[1], section.name)
    photos = dataset.readable(count)
    if message := photos.skipped_message():
        notify(message)
    setup = RankingSetup(
        network=network,
        name=section.name,
        layers=filter_counts(network, section.name, names),
        photos=lambda start, stop: [centre_crop(photos.read(i), size) for i in range(len(photos))[start:stop]],
        count=len(photos),
        labels=photos.labels,
        prepare=_preparation(recipe.input),
        corruption=corruption,
        levels=tuple(levels),
        seed=seed,
    )
    source = photos.labels_from or "network"
    facts: dict[str, Any] = {
        "tool": f"mobile-robust {__version__}",
        "backbone": section.name,
        "weights": weights,
        "weights_sha256": state_hash(network.state_dict()),
        "size": size,
        "images": setup.count,
        "images_sha256": photos.digest,
        "labels": source if source in ("network", "names", "folders") else "table",
        "corruption": corruption,
        "levels": setup.levels,
        "seed": seed,
    }
    settings = {**facts, "layers": setup.layers, "classes": setup.labels, "normalization": recipe.input.normalization}
    counts = _count(setup, Partial(partial, settings) if partial else None, notify, on_progress)
    return Ranking(
        **facts,
        clean_accuracy=counts.clean / setup.count,
        corrupted_accuracy=counts.corrupted / (setup.count * len(setup.levels)),
        layers=counts.priorities(setup),
    )


def _count(setup: RankingSetup, partial: Partial | None, notify: Notify, on_progress: OnProgress) -> Counts:
    """Counts to the end, from where a stopped run was."""
    counts = partial.read() if partial else Counts()
    if partial and not counts.fits(setup):
        raise partial.refused("it cannot be read")
    if partial and (done := counts.work(setup)):
        notify(f"resumed at {100 * done / setup.work:.0f} % ({partial.path})")
    for layer in count_hits(setup, counts):
        if partial:
            partial.write(counts)
        on_progress(layer, counts.work(setup), setup.work)
    return counts


def _load(section: BackboneSection) -> tuple[nn.Module, str]:
    """The backbone with its weights, frozen, and where these are from."""
    network = create_backbone(section).requires_grad_(False)
    if not section.weights:
        return network, f"random, seed {section.seed}"
    if section.weights.startswith("timm:"):
        return network, f"timm {section.weights.removeprefix('timm:')}"
    path = Path(section.weights)
    apply_state(network, read_state(path), path, f"backbone {section.name}")
    return network, path.name


def _preparation(image: InputSection) -> Callable[[list[Photo]], Tensor]:
    """Photos (H, W, 3) uint8 -> what the backbone takes, (B, 3, H, W)."""
    spec, normalize = ImageSpec(image.height_width, high=1.0), Normalize(ImageRange(*image.normalization))
    return lambda photos: normalize(torch.from_numpy(spec.array(photos)))
