"""No method: the backbone by itself, which a repair is measured against."""

from __future__ import annotations

from mobile_robust.methods.method import LazyImport, Method, PublishedLatency

_TABLE_VII = "AFD-Module, Table VII"

METHOD = Method(
    name="none",
    paper="the backbones' own",
    build=LazyImport("mobile_robust.methods.none.network:build"),
    pipeline=LazyImport("mobile_robust.methods.pipeline:BaselinePipeline"),
    latency={
        "resnet50": PublishedLatency(25.5e6, 4.12e9, 132, 136, _TABLE_VII),
        "repvgg_a2": PublishedLatency(25.6e6, 5.12e9, 122, 125, _TABLE_VII),
        # No rows of the table: our own modules for them are measured against these.
        "mobilenetv2": PublishedLatency(3.4e6, 0.300e9, None, None, "MobileNetV2 (Sandler et al., CVPR 2018), Table 4"),
        "alexnet": PublishedLatency(61.1e6, 0.714e9, None, None, "torchvision, AlexNet_Weights.IMAGENET1K_V1"),
    },
)
