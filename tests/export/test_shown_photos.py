"""The report's photos: which builds show any, and what is said of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mobile_robust.contracts.recipe import Recipe
from mobile_robust.data.images import whole_built_in_photos
from mobile_robust.export.shown_photos import DEGRADATIONS, Prediction, photo_section, show_photos
from mobile_robust.pipelines import Model, build_model
from tests.randomize import randomize

PHOTOS = whole_built_in_photos((64, 64))


def model(method: str = "afd", scope: str = "pipeline", label: str | None = None) -> Model:
    options = {"variant": "afd_nano"} if method == "afd" else {}
    backbone = {"name": "test_resnet", "layer": "act1", "options": {"num_classes": 10}}
    fields = {"name": "test", "method": method, "scope": scope, "options": options, "backbone": backbone}
    built = build_model(Recipe.model_validate({**fields, "input": {"size": 64}}))
    if method == "afd":
        randomize(built.adapter)
    return replace(built, provenance=built.provenance.model_copy(update={"label": label}))


@torch.no_grad()
def test_predictions_are_the_pipelines_without_and_with_the_module() -> None:
    given = replace(model(), classes=tuple(f"name {i}, other" for i in range(10)))
    rows = show_photos(given, PHOTOS)
    assert [len(row) for row in rows] == [len(DEGRADATIONS)] * 3
    assert given.pipeline is not None
    for photo, row in zip(PHOTOS, rows, strict=True):
        assert np.array_equal(row[0].photo, photo), "the first is clean"
        for shown in row:
            image = torch.from_numpy(shown.photo).permute(2, 0, 1)[None].float()
            for prediction, logits in (
                (shown.without, given.pipeline.baseline(image)),
                (shown.repaired, given.pipeline(image)),
            ):
                best = logits.softmax(1).max(1)
                expected = Prediction(f"name {int(best.indices)}, other", pytest.approx(float(best.values), abs=1e-4))
                assert prediction == expected
            assert shown.right == row[0].without.name


def test_what_cannot_classify_or_has_no_module_shows_none() -> None:
    assert show_photos(model(label="untrained: latency only"), PHOTOS) == []
    assert show_photos(model(scope="module"), PHOTOS) == []
    assert show_photos(model("none"), PHOTOS) == []
    assert photo_section([]) == ""


def test_the_section_marks_what_is_right_and_holds_every_picture() -> None:
    rows = show_photos(model(), PHOTOS[:1])
    wrong = [replace(rows[0][0], repaired=Prediction("a <b>", 0.123))]
    html = photo_section([wrong])
    assert html.count("<img") == html.count("data:image/webp;base64,") == 1
    assert 'class="right"' in html and 'class="wrong"' in html
    assert "a &lt;b&gt;, 12 %" in html and 'alt="clean"' in html
