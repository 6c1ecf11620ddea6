"""A frozen classifier with its adapter, by where the adapter edits: before the network, between two layers, inside
several layers, or nowhere. A toolkit: a method may define its pipeline itself.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, fx, nn

from mobile_robust.backbones.split import Leaf, deploy_network, trace_ends
from mobile_robust.layers.deploy import fused, with_children
from mobile_robust.layers.fuse import Kernel, kernel_of
from mobile_robust.layers.normalize import Normalize
from mobile_robust.methods.adapter import Adapter
from mobile_robust.methods.site import Site


class Pipeline(nn.Module, ABC):
    """image (B, 3, H, W), RGB in [0, range] -> logits (B, classes)."""

    module: Adapter
    normalize: Normalize  # from the image to what the backbone takes
    where: str  # where the adapter edits, as text
    folds: bool = True  # whether the adapter has a deploy form apart from the backbone's
    is_baseline: bool = False  # whether nothing is edited
    needs_clean: bool = False  # whether it takes the clean image as well: an oracle, for comparison

    @abstractmethod
    def forward(self, image: Tensor) -> Tensor:
        """Logits with the adapter."""

    def on_photos(self, images: Tensor) -> Tensor:
        """Logits of photos as evaluation has them: (B, 3, H, W), or with the clean photo beside them (B, 6, H, W) where
        the pipeline needs it."""
        return self(*images.split(3, 1))

    @abstractmethod
    def baseline(self, image: Tensor) -> Tensor:
        """Logits of the backbone without the adapter: what the repair is compared with."""

    @abstractmethod
    def backbone_state(self) -> dict[str, Tensor]:
        """The backbone's tensors under the names that they have in it."""

    @abstractmethod
    def frozen(self) -> Pipeline:
        """The same with the backbone's batch norms folded, an equal function that takes two thirds of the time; the
        adapter is shared and stays in training form.
        """

    def deployed(self) -> Pipeline:
        """The same function in deploy form."""
        return with_children(self.frozen(), module=self.module.deployed()).eval()


class ImagePipeline(Pipeline):
    """adapter -> normalize -> network."""

    def __init__(self, site: Site, adapter: Adapter) -> None:
        super().__init__()
        self.where = f"in front of {site.section.name}"
        self.normalize, self.module, self.network = site.normalize(), adapter, site.backbone
        # A function, which copies of the pipeline share: the undeployed backbone is not copied along.
        self._deploy_network = lambda: deploy_network(site.backbone, site.section.name)

    def forward(self, image: Tensor) -> Tensor:
        return self.baseline(self.module(image))

    @property
    def plain(self) -> nn.Module:
        """The unedited network, from the normalized image to logits."""
        return self.network

    def baseline(self, image: Tensor) -> Tensor:
        return self.plain(self.normalize(image))

    def backbone_state(self) -> dict[str, Tensor]:
        return self.plain.state_dict()

    def frozen(self) -> Pipeline:
        return with_children(self, network=self._deploy_network())


class NoAdapter(Adapter):
    """Edits nothing and has no weights."""


class BaselinePipeline(ImagePipeline):
    """normalize -> network: the backbone without an adapter."""

    folds = False
    is_baseline = True

    def __init__(self, site: Site, adapter: Adapter) -> None:
        super().__init__(site, adapter)
        self.where = f"with {site.section.name} and no adapter"


class CutPipeline(Pipeline):
    """normalize -> stem -> adapter -> tail, for an adapter that edits one layer and leaves the image as it is."""

    def __init__(self, site: Site, adapter: Adapter) -> None:
        super().__init__()
        self._deploy_cut = lambda: site.cut.deployed()
        self.where = f"on {site.section.name} behind {site.cut.layer}"
        self.normalize, self.stem, self.module, self.tail = site.normalize(), site.cut.stem, adapter, site.cut.tail

    def features(self, image: Tensor) -> Tensor:
        """The stem's features, (B, C, H/s, W/s)."""
        return self.stem(self.normalize(image))

    def forward(self, image: Tensor) -> Tensor:
        return self.tail(self.module(image, self.features(image)))

    def baseline(self, image: Tensor) -> Tensor:
        return self.tail(self.features(image))

    def backbone_state(self) -> dict[str, Tensor]:
        return {**self.stem.state_dict(), **self.tail.state_dict()}

    def frozen(self) -> Pipeline:
        cut = self._deploy_cut()
        return with_children(self, stem=cut.stem, tail=cut.tail)


class InsertPipeline(ImagePipeline):
    """normalize -> network whose layers are edited; the unedited network stays at hand and shares its tensors.

    Where editors have weights of their own, batch norms behind edited layers are folded into them, so that only the
    whole can be deployed. Editors without any get all from ``prepare``: the adapter is deployed apart.
    """

    def __init__(self, site: Site, adapter: Adapter) -> None:
        super().__init__(site, adapter)
        self._name, self.where = site.section.name, f"inside {site.section.name}"
        editors = [adapter.editor(layer) for layer in adapter.layers]
        self.folds = not any([*editor.parameters()] for editor in editors) and not adapter.replacements()
        # In a list, so that the state holds every tensor once and train() leaves the frozen network's norms alone.
        self._edited = [insert(adapter, site.backbone, site.section.name, adapter.layers)]

    def forward(self, image: Tensor) -> Tensor:
        image, context = self.module.prepare(image)
        return self._edited[0](self.normalize(image), *context)

    def frozen(self) -> Pipeline:
        return FoldedInsertPipeline(self, self.module, self._deploy_network()) if self.folds else self

    def deployed(self) -> Pipeline:
        adapter = self.module.deployed()
        if not self.folds and type(adapter).prepare is Adapter.prepare:
            adapter = NoAdapter()  # it does not look at the image: the editors are all, and belong to the network
        return FoldedInsertPipeline(self, adapter, None).eval()


class FoldedInsertPipeline(Pipeline):
    """:class:`InsertPipeline` without batch norms in the network. Its deploy form has no baseline."""

    def __init__(self, pipeline: InsertPipeline, adapter: Adapter, plain: fx.GraphModule | None) -> None:
        super().__init__()
        self.where, self.folds, self.normalize = pipeline.where, pipeline.folds, pipeline.normalize
        self.module, self.network = adapter, deploy_network(pipeline._edited[0], pipeline._name)
        self._plain = [plain]  # in a list, see InsertPipeline

    @property
    def plain(self) -> fx.GraphModule:
        """The unedited network, from the normalized image to logits."""
        (plain,) = self._plain
        if plain is None:
            raise RuntimeError("the deploy form has no baseline: its batch norms are folded into the edited layers")
        return plain

    def head(self, image: Tensor) -> Tensor:
        """What :attr:`plain` takes of an image (B, 3, H, W)."""
        return self.normalize(image)

    def edited_head(self, image: Tensor, *context: Tensor) -> Tensor:
        """What :attr:`network` takes of a prepared image, beside the context."""
        return self.head(image)

    def forward(self, image: Tensor) -> Tensor:
        image, context = self.module.prepare(image)
        return self.network(self.edited_head(image, *context), *context)

    def baseline(self, image: Tensor) -> Tensor:
        return self.plain(self.head(image))

    def backbone_state(self) -> dict[str, Tensor]:
        return self.plain.state_dict()

    def frozen(self) -> Pipeline:
        return self


class CutInsertPipeline(InsertPipeline):
    """normalize -> stem -> adapter -> tail whose layers are edited. The adapter's first layer is the stem's last; its
    edits of all others have no weights of their own.
    """

    def __init__(self, site: Site, adapter: Adapter) -> None:
        ImagePipeline.__init__(self, site, adapter)
        cut, self._name = site.cut, site.section.name
        self.where = f"inside {self._name}, from {cut.layer} on"
        self._stem, self._edited = [cut.stem], [insert(adapter, cut.tail, self._name, adapter.layers[1:])]
        self._deploy_cut = cut.deployed

    def forward(self, image: Tensor) -> Tensor:
        image, context = self.module.prepare(image)
        features = self.module.edit(self.module.layers[0], self._stem[0](self.normalize(image)), *context)
        return self._edited[0](features, *context)

    def frozen(self) -> Pipeline:
        cut = self._deploy_cut()
        return FoldedCutInsertPipeline(self, self.module, cut.stem, cut.tail)

    def deployed(self) -> Pipeline:
        return FoldedCutInsertPipeline(self, self.module.deployed(), self._deploy_cut().stem, None).eval()


class FoldedCutInsertPipeline(FoldedInsertPipeline):
    """:class:`CutInsertPipeline` without batch norms in stem and tail."""

    def __init__(
        self, pipeline: CutInsertPipeline, adapter: Adapter, stem: fx.GraphModule, plain: fx.GraphModule | None
    ) -> None:
        super().__init__(pipeline, adapter, plain)
        self.stem = stem

    def head(self, image: Tensor) -> Tensor:
        return self.stem(self.normalize(image))

    def edited_head(self, image: Tensor, *context: Tensor) -> Tensor:
        return self.module.edit(self.module.layers[0], self.head(image), *context)


class EditedLayer(nn.Module):
    """A convolution with its editor behind it, in one piece; stands in the network at the convolution's own name."""

    def __init__(self, layer: nn.Module, editor: nn.Module) -> None:
        super().__init__()
        self.layer, self.editor = layer, editor

    def forward(self, x: Tensor) -> Tensor:
        return self.editor(self.layer(x))

    def fuse(self) -> EditedLayer:
        """Deploy form, under the name that timm's ``reparameterize_model`` looks for. Leaves this one as it is."""
        with torch.no_grad():
            layer = EditedLayer(copy.deepcopy(self.layer), fused(copy.deepcopy(self.editor)))
            return layer.eval().requires_grad_(False)

    def fold_following_batchnorm(self, norm: nn.BatchNorm2d) -> bool:
        """In deploy form: takes up, in place, the batch norm behind it. Whether it did."""
        fold = getattr(self.editor, "fold_following_batchnorm", None)
        if fold is None or not isinstance(self.layer, nn.Conv2d):
            return False
        scale, shift = fold(norm)
        kernel = kernel_of(self.layer)
        folded = Kernel(kernel.weight * scale[:, None, None, None], kernel.bias * scale + shift)
        self.layer.weight, self.layer.bias = nn.Parameter(folded.weight), nn.Parameter(folded.bias)
        return True


def insert(adapter: Adapter, network: nn.Module, name: str, layers: Sequence[str]) -> nn.Module:
    """The network ``name``, or its tail, with an adapter's edits of some layers: (input, \\*context) ->
    logits. Shares all tensors, and leaves ``network`` as it is."""
    edited = same_tensors(network)
    for layer, own in adapter.replacements().items():
        edited.set_submodule(layer, own)
    if adapter.contexts or not all(isinstance(edited.get_submodule(layer), nn.Conv2d) for layer in layers):
        return _insert_into_graph(adapter, edited, name, layers)
    for layer in layers:
        edited.set_submodule(layer, EditedLayer(edited.get_submodule(layer), adapter.editor(layer)))
    return edited


def _insert_into_graph(adapter: Adapter, network: nn.Module, name: str, layers: Sequence[str]) -> fx.GraphModule:
    """The same by a node behind every edited layer: a layer of several operations is deployed like all others, and
    editors get further arguments of the network.
    """
    graph, ends = trace_ends(network, layers, name)
    with graph.inserting_after(next(iter(graph.nodes))):
        context = [graph.placeholder(f"context_{index}") for index in reversed(range(adapter.contexts))][::-1]
    network.editors = nn.ModuleList([Leaf(adapter.editor(layer)) for layer in layers])
    for index, end in enumerate(ends):
        with graph.inserting_after(end):
            edit = graph.call_module(f"editors.{index}")
        end.replace_all_uses_with(edit)
        edit.args = (end, *context)
    graph.lint()
    return fx.GraphModule(network, graph).eval()


def same_tensors(network: nn.Module) -> nn.Module:
    """A copy of a network's structure that shares its parameters and buffers."""
    tensors = [*network.parameters(), *network.buffers()]
    return copy.deepcopy(network, {id(tensor): tensor for tensor in tensors}).eval()
