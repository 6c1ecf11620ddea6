"""Whether a module is in proportion to its backbone."""

from __future__ import annotations

from mobile_robust.contracts.overhead import Overhead
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.methods.registry import method_of, options_of
from mobile_robust.reporting.text import count_text

#: Modules that cost more multiply-accumulates, relative to the backbone, are out of proportion.
PROPORTION = 0.25


def check_proportion(recipe: Recipe, cost: Overhead | None) -> tuple[str, ...]:
    """A sentence where a recipe's module is out of proportion, with the smaller variants that its method has."""
    if cost is None or cost.share <= PROPORTION:
        return ()
    added, bare = count_text(cost.macs), count_text(cost.backbone_macs)
    said = f"the module adds {added} multiply-accumulates to the backbone's {bare} ({cost.share:+.0%})"
    variants, own = method_of(recipe).variants, getattr(options_of(recipe), "variant", None)
    smaller = variants[variants.index(own) + 1 :] if own in variants else ()
    return (said + (f"; options.variant {' or '.join(smaller)} costs less" if smaller else ""),)
