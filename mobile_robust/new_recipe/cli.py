"""Command line of ``mobile-robust new``."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.errors import InputError
from mobile_robust.files import write_output
from mobile_robust.methods.registry import methods
from mobile_robust.options import file_name, image_size
from mobile_robust.reporting.console import make_console
from mobile_robust.reporting.overhead import overhead_text
from mobile_robust.reporting.progress import progress_bar
from mobile_robust.reporting.tables import Column, Table
from mobile_robust.reporting.text import triple_text

if TYPE_CHECKING:
    from mobile_robust.new_recipe.proposal import Proposal, Request

_EXAMPLES = """examples:
  mobile-robust new mobilenetv2_100 --weights mobilenetv2.safetensors --images photos/
  mobile-robust new efficientnet_b0 --weights b0.pth --images val/ --labels folders --module afd --out b0.toml
  mobile-robust new resnet18 --module none               random weights: for latency and parity only

Photos (--images) decide on what weights files do not say: padding, epsilon and normalization. A few dozen are enough;
with --labels by accuracy, without by the network's confidence.
"""
#: The module that learns on every network so far.
_DEFAULT = "film"


def main(argv: list[str]) -> int:
    """Writes a recipe and says what was decided; after an InputError nothing is written."""
    options = _parser().parse_args(argv)
    out = _out(options, options.module)
    if options.images is None and options.labels:
        raise InputError(f"--labels {options.labels}: of the photos in --images DIR, which is missing")
    photos = PhotoDataset.from_folder(options.images, options.labels) if options.images else None
    # PyTorch: too slow for --help and mistyped options
    from mobile_robust.new_recipe.choice import count_steps, propose
    from mobile_robust.new_recipe.proposal import Request

    method = methods()[options.module]
    request = Request(options.backbone, method, out, options.weights, options.classes, options.size, photos)
    with progress_bar(make_console(stderr=True), options.backbone, count_steps(request)) as step:
        proposal = propose(request, step)
    request = replace(request, method=proposal.method, out=_out(options, proposal.method.name))
    write_output(request.out, proposal.text)
    _show(make_console(), request, proposal)
    if proposal.method is not method:
        said = f"--module {method.name} has no insertion point in {options.backbone}"
        said += f": the recipe is for {proposal.method.name}"
        make_console(stderr=True).print(f"warning: {said}", style="yellow", soft_wrap=True)
    return 0


def _out(options: argparse.Namespace, method: str) -> Path:
    """The file to be written; raises InputError where it may not be."""
    out: Path = options.out or Path(f"{method}_{Path(options.backbone).name}.toml")
    if out.exists() and not options.force:
        raise InputError(f"--out {out}: is there already; give --force to replace it, or another --out")
    return out


def _show(console: Console, request: Request, proposal: Proposal) -> None:
    from mobile_robust.export.proportion import PROPORTION
    from mobile_robust.new_recipe.layers.table import layer_table

    if proposal.layers:
        console.print(layer_table(proposal.layers, request.method.variants, proposal.layer).terminal())
        console.print("the module's multiply-accumulates, and relative to the backbone; * chosen\n")
    if proposal.tried:
        console.print(_trials(proposal).terminal())
        if proposal.tried[0].top1 is None:
            console.print(Text("confidence is a hint: with --labels accuracy decides", "yellow"))
    columns = [Column("decided", "left"), *(Column(title, "left", fold=True) for title in ("value", "why"))]
    console.print(Table(columns, proposal.decisions).terminal())
    if cost := proposal.cost:
        console.print(f"the module {overhead_text(cost)}", soft_wrap=True)
        if cost.share > PROPORTION:
            advice = f"; --module {_DEFAULT} costs less on most networks" if request.method.name != _DEFAULT else ""
            console.print(Text(f"warning: that is out of proportion{advice}", "yellow"), soft_wrap=True)
    console.print(Text(f"\n{request.out}: written; it builds. Next:"), soft_wrap=True)
    for line in _next(request):
        console.print(Text(f"  {line}"), soft_wrap=True)


def _trials(proposal: Proposal) -> Table:
    """A row a way to feed the network."""
    labelled = proposal.tried[0].top1 is not None
    rows = [
        [
            triple_text(each.how.mean),
            triple_text(each.how.std),
            "TensorFlow's" if "pad_type" in each.how.options else "timm's",
            *([f"{each.top1:.0%}"] if each.top1 is not None else []),
            f"{each.confidence:.0%}",
            "taken" if each is proposal.tried[0] else "",
        ]
        for each in proposal.tried
    ]
    head = ["mean", "std", "padding", *(["top-1"] if labelled else []), "confidence", ""]
    return Table.of(head, rows, left=head[:3])


def _next(request: Request) -> list[str]:
    """Commands that go on from here."""
    recipe, method = shlex.quote(str(request.out)), request.method
    photos = shlex.quote(str(request.photos.folder)) if request.photos else "photos/"
    if not method.training or not request.weights:
        return [f"mobile-robust convert {recipe}"]
    weights = shlex.quote(str(request.out.with_suffix(".safetensors")))
    return [
        f"mobile-robust train {method.name} {recipe} --images {photos} --holdout 0.2 --out {weights}",
        f"mobile-robust convert {recipe} --weights {weights} --calibration {photos} --holdout 0.2",
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mobile-robust new",
        usage="%(prog)s BACKBONE [--weights FILE] [--images DIR] [options]",
        description="Write a recipe for your backbone: its image, classes, padding and normalization, the layer where "
        "a module goes; and say what was decided and why.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("backbone", metavar="BACKBONE", help="a classifier of timm, or alexnet, cifar_resnet20, all_conv")
    add("--weights", metavar="FILE", help="the backbone's, .safetensors or tensors in .pth, or timm:NAME to download")
    add("--module", choices=tuple(methods()), default=_DEFAULT, help="method of the module (default: %(default)s)")
    add("--images", type=Path, metavar="DIR", help="photos that the network should know the classes of")
    add("--labels", metavar="names|folders|FILE.csv", help="their right classes, see evaluate --help")
    add("--classes", metavar="FILE", help="names of the classes, one a line (default: ImageNet's for 1000 classes)")
    add("--size", type=image_size, metavar="N|HxW", help="of the photo (default: the network's own)")
    where = "the recipe (default: MODULE_BACKBONE.toml)"
    add("--out", type=Path, action=file_name(".toml"), metavar="FILE.toml", help=where)
    add("--force", action="store_true", help="replace a file that is there")
    return parser
