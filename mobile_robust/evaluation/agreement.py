"""Photos without labels: right is what the backbone predicts for the clean photo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.images import centre_crop
from mobile_robust.errors import InputError
from mobile_robust.evaluation.measure import BATCH_SIZE
from mobile_robust.evaluation.models import Model

#: Where the labels are from, in place of "names", "folders" or a file.
LABELS_FROM = "the backbone's clean predictions"


def label_by_baseline(
    models: Sequence[Model], photos: PhotoDataset, on_progress: Callable[[str, int, int | None], None]
) -> PhotoDataset:
    """The photos with the first class of the models' one baseline as label; what cannot be read gets class 0, and is
    not counted by an evaluation.

    Raises:
        InputError: The models have different baselines.
    """
    baselines = {model.fingerprint: model for model in models if model.fingerprint == model.baseline}
    if len(baselines) > 1:
        groups = ", ".join(dict.fromkeys(model.group for model in baselines.values()))
        raise InputError(
            f"--labels none: {groups} have different backbones, whose predictions differ; evaluate them apart"
        )
    (baseline,) = baselines.values()
    predict, labels = baseline.open(), [0] * len(photos)
    for start in range(0, len(photos), BATCH_SIZE):
        on_progress("the backbone's predictions for clean photos", 0, None)
        crops = {}
        for index in range(start, min(start + BATCH_SIZE, len(photos))):
            if (photo := photos.attempt(index)) is not None:
                crops[index] = centre_crop(photo, baseline.size)
        if crops:
            for index, scores in zip(crops, predict(list(crops.values())), strict=True):
                labels[index] = int(scores.argmax())
    return replace(photos, labels=tuple(labels), labels_from=LABELS_FROM)
