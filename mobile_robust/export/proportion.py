"""Whether a module is in proportion to its backbone."""

from __future__ import annotations

from mobile_robust.export.cost import overhead
from mobile_robust.methods.registry import method_of, options_of
from mobile_robust.pipelines import Model
from mobile_robust.reporting.text import count_text

#: Modules that cost more multiply-accumulates, relative to the backbone, are out of proportion.
PROPORTION = 0.25


def check_proportion(model: Model) -> tuple[str, ...]:
    """A sentence where a recipe's module is out of proportion, with the smaller variants that its method has."""
    cost = overhead(model)
    if cost is None or cost.share <= PROPORTION:
        return ()
    added, bare = count_text(cost.module.macs), count_text(cost.backbone.macs)
    said = f"the module adds {added} multiply-accumulates to the backbone's {bare} ({cost.share:+.0%})"
    variants, own = method_of(model.recipe).variants, getattr(options_of(model.recipe), "variant", None)
    smaller = variants[variants.index(own) + 1 :] if own in variants else ()
    return (said + (f"; options.variant {' or '.join(smaller)} costs less" if smaller else ""),)
