"""Command line of ``mobile-robust layers``."""

from __future__ import annotations

import argparse

from mobile_robust.contracts.recipe import BackboneSection, InputSection, Recipe
from mobile_robust.options import image_size
from mobile_robust.reporting.console import make_console
from mobile_robust.reporting.text import count_text

_EXAMPLES = """examples:
  mobile-robust layers mobilenetv2_100
  mobile-robust layers efficientnet_b0 --size 240
"""


def main(argv: list[str]) -> int:
    """Prints the layers of a network where a module can go."""
    options = _parser().parse_args(argv)
    # PyTorch: too slow for --help and mistyped options
    from mobile_robust.methods.site import create_backbone
    from mobile_robust.new_recipe.layers.points import cut_methods, price_layers
    from mobile_robust.new_recipe.layers.table import layer_table

    section = BackboneSection(name=options.backbone)
    image = InputSection(size=options.size)
    network = create_backbone(section)
    console = make_console()
    for name, method in cut_methods().items():
        recipe = Recipe(name=name, method=name, scope="pipeline", backbone=section, input=image)
        priced = price_layers(recipe, network, method)
        default = next((each.point.layer for each in priced.points if each.point.default), None)
        cost = f"{count_text(priced.backbone.macs)} multiply-accumulates, {count_text(priced.backbone.parameters)}"
        console.print(f"{options.backbone}: {cost} parameters", soft_wrap=True)
        console.print(layer_table(priced, method.variants, default).terminal())
        console.print(
            f"multiply-accumulates of method {name} behind each layer, and relative to the backbone; "
            "– cannot go there; * where it goes unless the recipe's backbone.layer says otherwise\n"
            "The other methods need no layer: they edit the photo, or layers that they find themselves."
        )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mobile-robust layers",
        description="Show the layers of a network behind which a module can repair its features, and what that costs.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "backbone", metavar="BACKBONE", help="a classifier of timm, or alexnet, cifar_resnet20, all_conv"
    )
    parser.add_argument("--size", type=image_size, metavar="N|HxW", help="of the photo (default: the network's own)")
    return parser
