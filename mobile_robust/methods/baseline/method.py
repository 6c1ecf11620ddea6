"""The peers of AFD-Module's latency table: what is published of them, and which are not here."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mobile_robust.methods.method import LazyImport, Method, Options, PublishedLatency

TABLE_VII = "AFD-Module, Table VII"

#: Peer in the AFD paper -> why it is not here.
EXCLUDED: dict[str, str] = {
    "RNAN": "2.24 M parameters and 81.46 G are a fraction of the published network, and how it was cut down is not "
    "said",
    "RDN": "0.53 M parameters and 26.63 G are a fraction of the published network (22 M), and how it was cut down is "
    "not said",
    "MIRNet": "7.95 M parameters are a quarter of the published network (31.8 M), and how it was cut down is not said",
    "FBCNN": "its authors' program fixes the network and gives the table's 71.92 M parameters, but a file of 288 MB "
    "and 134.74 G a photo, 33 times ResNet-50, are no choice for a phone",
    "JARCAL": "no definition was found that gives 13.88 M parameters; 419.45 G a photo are no choice for a phone",
    "DDP": "the layers' widths were found neither in print nor as a program, and 0.14 M parameters with 1.48 G leave "
    "several choices",
    "URIE": "no row in Table VII to check it against; it normalizes with each photo's own statistics, which no deploy "
    "form folds, and a plain U-Net in its place would be a network that nobody published",
    "PANet, EARN, GRL": "no row in Table VII: their accuracy alone is reported",
}


class BaselineOptions(Options):
    """``[options]`` of a recipe."""

    variant: Literal["arcnn", "dncnn"] = Field(default="arcnn", description="AR-CNN (2015), or DnCNN-S (2017)")


METHOD = Method(
    name="baseline",
    paper="Dong et al., ICCV 2015 (AR-CNN); Zhang et al., TIP 2017 (DnCNN)",
    options=BaselineOptions,
    variants=("dncnn", "arcnn"),
    build=LazyImport("mobile_robust.methods.baseline.network:build"),
    pipeline=LazyImport("mobile_robust.methods.pipeline:ImagePipeline"),
    excluded=EXCLUDED,
    latency={
        "arcnn": PublishedLatency(0.12e6, 5.91e9, 185, 178, TABLE_VII),
        "dncnn": PublishedLatency(0.56e6, 28.07e9, 625, 1132, TABLE_VII),
    },
)
