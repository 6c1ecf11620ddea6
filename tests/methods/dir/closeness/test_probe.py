"""A linear probe finds what is there, and nothing where there is nothing."""

from __future__ import annotations

import torch

from mobile_robust.methods.dir.closeness.probe import probe, summary


def test_it_is_right_where_kinds_can_be_told_by_a_line_and_guesses_where_not() -> None:
    generator = torch.Generator().manual_seed(0)
    kinds, folds = torch.arange(120) % 3, torch.arange(120) // 3 % 2
    noise = torch.randn(120, 5, generator=generator)
    centres = 6 * torch.randn(3, 5, generator=generator)
    assert probe(noise + centres[kinds], kinds, folds).float().mean() > 0.95
    assert 0.15 < probe(noise, kinds, folds).float().mean() < 0.5


def test_it_never_sees_the_fold_that_it_is_tried_on() -> None:
    """Kinds that are the other ones in the other fold are never found."""
    kinds, folds = torch.arange(40) % 2, torch.arange(40) // 2 % 2
    features = ((kinds + folds) % 2).float()[:, None]
    assert not probe(features, kinds, folds).any()


def test_a_summary_does_not_depend_on_where_things_are() -> None:
    maps = torch.rand(2, 4, 6, 8, generator=torch.Generator().manual_seed(1))
    found = summary(maps)
    assert found.shape == (2, 8) and torch.allclose(found, summary(maps.flip(2, 3)))
    assert torch.allclose(found[:, :4], maps.mean((2, 3))) and not torch.allclose(found, summary(2 * maps))
