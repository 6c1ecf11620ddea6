"""Photos for the report: clean and degraded, with what the pipeline makes of them, without and with the module."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mobile_robust.corruptions import corrupt
from mobile_robust.data.image_spec import ImageSpec
from mobile_robust.data.images import Photo
from mobile_robust.pipelines import Model
from mobile_robust.reporting.html import Html, el
from mobile_robust.reporting.page import section

#: What is done to every photo, with its name in the report; the first stays clean.
DEGRADATIONS = (
    ("clean", None),
    ("JPEG, quality 7", ("jpeg", 7)),
    ("noise", ("gaussian_noise", 2)),
    ("out of focus", ("defocus_blur", 2)),
    ("dark", ("darken", 4)),
)
#: Photos that are shown.
MOST_PHOTOS = 3


@dataclass(frozen=True)
class Prediction:
    """The class that comes first, and its probability."""

    name: str
    probability: float


@dataclass(frozen=True)
class ShownPhoto:
    """A photo as the pipeline sees it; ``right``: the baseline's class for the clean one."""

    photo: Photo
    degradation: str
    right: str
    without: Prediction
    repaired: Prediction


def show_photos(model: Model, photos: Sequence[Photo]) -> list[list[ShownPhoto]]:
    """Every photo with each of the degradations, of a trained pipeline with a module; of others nothing is shown."""
    pipeline = model.pipeline
    if model.recipe.scope != "pipeline" or pipeline is None or pipeline.is_baseline or model.provenance.label:
        return []
    spec, rows = ImageSpec.of(model.recipe.input), []
    for index, photo in enumerate(photos[:MOST_PHOTOS]):
        seen = [photo if kind is None else corrupt(photo, *kind, 0, index) for _, kind in DEGRADATIONS]
        image = torch.from_numpy(spec.array(seen))
        with torch.no_grad():
            without, repaired = _first(model, pipeline.baseline(image)), _first(model, pipeline(image))
        rows.append(
            [
                ShownPhoto(each, name, without[0].name, *predictions)
                for each, (name, _), *predictions in zip(seen, DEGRADATIONS, without, repaired, strict=True)
            ]
        )
    return rows


def photo_section(rows: Sequence[Sequence[ShownPhoto]]) -> Html:
    """A row a photo, a column a degradation; empty where nothing is shown."""
    if not rows:
        return Html("")
    cells = [el("figure", _picture(each), el("figcaption", *_caption(each))) for row in rows for each in row]
    note = (
        "First class and its probability, of the PyTorch reference without and with the module. Green: the class that "
        "the baseline finds in the clean photo."
    )
    return section("Photos", el("div", *cells, class_="photos"), el("p", note, class_="note"))


def _first(model: Model, logits: Tensor) -> list[Prediction]:
    found = logits.softmax(1).max(1)
    pairs = zip(found.indices.tolist(), found.values.tolist(), strict=True)
    return [Prediction(model.classes[i] if model.classes else f"class {i}", value) for i, value in pairs]


def _picture(shown: ShownPhoto) -> Html:
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(shown.photo)).save(buffer, "WebP", quality=80)
    data = base64.b64encode(buffer.getvalue()).decode()
    height, width = shown.photo.shape[:2]
    return el("img", src=f"data:image/webp;base64,{data}", alt=shown.degradation, width=width, height=height)


def _caption(shown: ShownPhoto) -> list[Html]:
    lines = [el("b", shown.degradation)]
    for title, prediction in (("without", shown.without), ("with", shown.repaired)):
        kind = "right" if prediction.name == shown.right else "wrong"
        name = prediction.name.partition(",")[0]
        said = el("span", f"{name}, {100 * prediction.probability:.0f} %", class_=kind, title=prediction.name)
        lines.append(el("span", el("small", title), said, class_="line"))
    return lines
