"""The registered settings of the simulated camera: what they draw, and from where."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mobile_robust.corruptions import corrupt
from mobile_robust.corruptions.isp.develop import Settings
from mobile_robust.corruptions.phenomena import isp
from mobile_robust.data.images import Photo
from tests.corruptions.conftest import flat


@pytest.fixture
def developed(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings of every photo that is developed, in turn."""
    found: list[Settings] = []
    develop = isp.develop

    def spy(bayer: Any, camera: Any, settings: Settings) -> Photo:
        found.append(settings)
        return develop(bayer, camera, settings)

    monkeypatch.setattr(isp, "develop", spy)
    return found


def draw(name: str, level: float, count: int = 60) -> None:
    for index in range(count):
        corrupt(flat(128, 32, 32), name, level, 0, index)


def test_a_severity_is_a_fifth_of_every_range(developed: list[Settings]) -> None:
    for severity in (1, 5):
        developed.clear()
        draw("isp_default", severity)
        low, high = (severity - 1) / 5, severity / 5
        for settings in developed:
            assert 0.3 * low <= settings.matrix <= 0.3 * high and low <= 1 - settings.tone <= high
            assert 0.6 * low - 1e-9 <= abs(settings.gamma - 2.2) <= 0.6 * high + 1e-9
            assert 1.25**low - 1e-9 <= max(settings.red, 1 / settings.red) <= 1.25**high + 1e-9
            assert settings.quality is not None and 95 - 85 * high - 1 <= settings.quality <= 95 - 85 * low + 1
        assert {settings.demosaicing for settings in developed} == {"bilinear", "malvar"}
        assert {settings.denoiser for settings in developed} == {"box", "bilateral"}
        assert {settings.red > 1 for settings in developed} == {settings.gamma > 2.2 for settings in developed}


def test_what_is_never_trained_on_lies_outside(developed: list[Settings]) -> None:
    draw("isp_demosaicing", 3)
    assert {settings.demosaicing for settings in developed} == {"nearest"}
    developed.clear()
    for severity in (1, 5):
        draw("isp_gamma", severity)
    gammas = np.array([settings.gamma for settings in developed])
    assert ((gammas < 1.6) | (gammas > 2.8)).all() and gammas.min() >= 1.0 and gammas.max() <= 3.4
    assert (gammas < 1.6).any() and (gammas > 2.8).any()


def test_the_papers_settings_with_strong_noise(developed: list[Settings]) -> None:
    draw("isp_ablation", 0.1)
    qualities = {settings.quality for settings in developed}
    assert len(qualities) > 10 and qualities <= set(range(10, 31))
    developed.clear()
    draw("isp_low_light", 0.2, 1)
    assert developed == [Settings()]
    dark, light = (corrupt(flat(value), "isp_low_light", 0.15, 0, 0)[..., 1].std() for value in (60, 160))
    assert light > 1.15 * dark, "Poisson noise grows with the value"
