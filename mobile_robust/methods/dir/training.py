"""Training DiR in two stages (Guo et al., CVPR 2024, Algorithm 1).

Stage I: DiRNet from two degraded copies of every crop, whose representations shall hold what both have in common;
DfRNet and its decoder from the clean crop. Stage II: the alignment, through the decoder and the frozen classifier,
which the paper trains along. Of the copies of stage I the first is the batch's, the second is always of the ISP's
default setting.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mobile_robust.corruptions import corrupt
from mobile_robust.data.image_spec import ImageSpec
from mobile_robust.errors import InputError
from mobile_robust.layers.joined_batch import joined_draw
from mobile_robust.methods.dir.auxiliary import Auxiliary
from mobile_robust.methods.dir.method import DiRTraining
from mobile_robust.methods.dir.network import Decoded, DiR
from mobile_robust.methods.feature_maps import TailMaps, tail_error
from mobile_robust.methods.pipeline import FoldedInsertPipeline, ImagePipeline
from mobile_robust.methods.task import Batch, Task
from mobile_robust.state_dicts import apply_state, entries_under, read_state

#: gamma2 of Eq. 8, as the paper has it throughout.
PHOTO_WEIGHT = 1.0
#: Learning rate of what stage I trained, as a share of the alignment's, where all learns in stage II.
ALONG_RATE = 0.3
#: What degrades the second copy, and its severities.
SECOND, SEVERITIES = "isp_default", 5
#: Prefixes in a checkpoint: of the networks of stage I that are not shipped, and of what stage II aligns to.
_AUXILIARY, _REFERENCE = "auxiliary.", "reference."

#: In front of the network; with shifts, inside it as well.
DiRPipeline: TypeAlias = ImagePipeline | FoldedInsertPipeline


class Refining(Task[DiRPipeline, DiR]):
    """Both stages, one after the other; or the auto-encoder that they are compared with."""

    def __init__(self, pipeline: DiRPipeline, image: ImageSpec, options: DiRTraining, steps: int) -> None:
        super().__init__(pipeline, image, options, steps)
        self.options, self.steps, self.direct = options, steps, options.objective == "autoencoder"
        most = 0 if self.direct else steps
        if options.represent is not None and options.represent > most:
            whose = "of an auto-encoder" if self.direct else f"to --steps {steps}"
            raise InputError(f"--represent {options.represent}: allowed is 0 {whose}")
        default = 0 if self.direct else steps // 3
        self._begin(default if options.represent is None else options.represent)
        self.module.start_at_identity()
        with torch.random.fork_rng(devices=[]):  # they are drawn alike in a resumed training
            torch.manual_seed(0)
            self.auxiliary = Auxiliary(self.module)
        # What stage II aligns to: DfRNet as stage I left it. One that learns along would run away from the alignment.
        self.reference = copy.deepcopy(self.module.representation.dfrnet).requires_grad_(False).eval()
        self.example = torch.zeros(1, 3, *image.size)
        with torch.no_grad():
            _, self.context = self.module.eval().prepare(self.example)
        self.module.train()
        self.teacher = TailMaps(pipeline.plain, self.example)
        self.maps = self._maps(pipeline)

    def _begin(self, represent: int) -> None:
        self.represent = represent
        self.stages = (0.0, represent / self.steps) if 0 < represent < self.steps else (0.0,)
        self.representing = represent > 0

    def load(self, path: Path, what: str) -> None:
        """The whole module, or both encoders and the decoder and what else of it fits; then stage I is over, unless
        ``--represent`` says otherwise."""
        state, own = read_state(path), self.module.state_dict()
        needed = ("representation.dirnet.", "representation.dfrnet.", "decoder.")
        if all(name in state for name in own if name.startswith(needed)):
            state = {name: state.get(name, tensor) for name, tensor in own.items()}
        apply_state(self.module, state, path, what)
        self._keep_reference()
        if self.options.represent is None:
            self._begin(0)

    def use_student(self, pipeline: DiRPipeline) -> None:
        if self.represent:
            raise InputError("--quantized: of DiR stage II alone learns int8 rounding: give --start, or --represent 0")
        self.maps = self._maps(pipeline)

    def _maps(self, pipeline: DiRPipeline) -> TailMaps:
        return TailMaps(pipeline.network, self.example, *self.context)

    def param_groups(self) -> list[tuple[list[nn.Parameter], float]]:
        """DiRNet, DfRNet, decoder; alignment, mixer and shifts; what is not shipped."""
        module, representation = self.module, self.module.representation
        ends = [n for n in (representation.alignment, module.mixer, module.shifts) if n is not None]
        if self.direct:
            shares = (1.0, 1.0, 1.0, 1.0, 0.0)
        elif self.representing:
            shares = (1.0, 1.0, 1.0, 0.0, 1.0)
        else:
            along = ALONG_RATE * (self.options.learn == "all")
            decoder = 1.0 if representation.alignment is None else along  # it reads another representation than before
            shares = (along, along, decoder, 1.0, 0.0)
        trained = ([representation.dirnet], [representation.dfrnet], [module.decoder], ends, [self.auxiliary])
        groups = [[p for network in networks for p in network.parameters()] for networks in trained]
        return [*zip(groups, shares, strict=True)]

    def on_step_start(self, progress: float) -> None:
        self.representing = progress * self.steps < self.represent - 0.5
        moving = progress < self.moving_statistics  # not where an int8 file's rounding is learned
        self.module.train(moving)
        # the last steps of each stage train the very functions that the next one, or the file, has
        ends = self.moving_statistics * self.represent / self.steps
        moving_first = moving and (self.direct or (self.representing and progress < ends))
        for network in (self.module.representation, self.module.decoder):
            network.train(moving_first)
        for parameters, share in self.param_groups():
            for parameter in parameters:
                parameter.requires_grad_(share > 0)

    def on_step_end(self) -> None:
        if self.representing:
            self._keep_reference()

    def _keep_reference(self) -> None:
        self.reference.load_state_dict(self.module.representation.dfrnet.state_dict())

    def loss(self, student: DiRPipeline, batch: Batch) -> dict[str, Tensor]:
        clean, degraded = self.images(batch.clean), self.images(batch.degraded)
        if self.representing:
            return self._represent(batch, clean, degraded)
        return self._refine(student, batch, clean, degraded)

    def _represent(self, batch: Batch, clean: Tensor, degraded: Tensor) -> dict[str, Tensor]:
        """Stage I: L0 + L*, which have no weights in common."""
        module = self.module
        first, second = (module.centred(x) for x in (degraded, self.images(_second_copy(batch.clean))))
        baseline = self.auxiliary.baseline_losses(module, first, second)
        reference = self.auxiliary.reference_losses(module, clean)
        return {"loss": baseline["l0"] + reference["l_star"], **baseline, **reference}

    def _refine(self, student: DiRPipeline, batch: Batch, clean: Tensor, degraded: Tensor) -> dict[str, Tensor]:
        """Stage II: L+ (Eq. 8)."""
        module = student.module
        assert isinstance(module, DiR)
        found = module.decode(degraded)
        photo = self._photo_error(module, found, clean)
        losses = {"loss": PHOTO_WEIGHT * photo, "photo": photo}
        if self.options.task_weight:
            seen = student.normalize(found.repaired).contiguous(memory_format=torch.channels_last)
            task = self._task_error(batch, seen, module.shifts_of(found.represented), clean)
            losses |= task | {"loss": losses["loss"] + self.options.task_weight * task["task"]}
        if self.direct or module.representation.alignment is None:
            return losses
        with torch.no_grad():
            reference = self.reference(module.centred(clean))[0]
        aligned = F.l1_loss(found.represented.refined, reference)
        return losses | {"loss": losses["loss"] + aligned, "aligned": aligned}

    def _photo_error(self, module: DiR, found: Decoded, clean: Tensor) -> Tensor:
        """Of the decoded photo and, where that is another, of the repaired one."""
        photos = [module.photo(found.decoded), *([] if module.mixer is None else [found.repaired])]
        return torch.stack([F.l1_loss(x / module.top, clean / module.top) for x in photos]).sum()

    def _task_error(self, batch: Batch, seen: Tensor, shifts: tuple[Tensor, ...], clean: Tensor) -> dict[str, Tensor]:
        """Under "task": what the classifier makes of the repaired photo, normalized for it, with its blocks shifted."""
        *maps, answer = self.maps(seen, *shifts)
        if self.options.loss == "answers":
            return {"task": F.cross_entropy(answer, self.targets(batch))}
        with torch.no_grad():
            wanted = self.teacher(self.pipeline.normalize(clean))
        errors = tail_error([*maps, answer], wanted)
        return {"task": errors.pop("tail"), **errors}

    def checkpoint_state(self) -> dict[str, Tensor]:
        auxiliary = {f"{_AUXILIARY}{name}": tensor for name, tensor in self.auxiliary.state_dict().items()}
        reference = {f"{_REFERENCE}{name}": tensor for name, tensor in self.reference.state_dict().items()}
        return {**self.module.state_dict(), **auxiliary, **reference}

    def load_checkpoint_state(self, state: Mapping[str, Tensor]) -> None:
        self.auxiliary.load_state_dict(entries_under(_AUXILIARY, state))
        self.reference.load_state_dict(entries_under(_REFERENCE, state))
        others = (_AUXILIARY, _REFERENCE)
        self.module.load_state_dict({name: tensor for name, tensor in state.items() if not name.startswith(others)})


def _second_copy(clean: Tensor) -> Tensor:
    """Crops (B, H, W, 3) uint8, degraded anew, as PyTorch's generator says."""
    seeds, levels = (joined_draw(partial(_below, most), len(clean)).tolist() for most in (2**31, SEVERITIES))
    crops = zip(clean.cpu().numpy(), zip(seeds, levels, strict=True), strict=True)
    copies = [corrupt(crop, SECOND, 1 + level, seed, 0) for crop, (seed, level) in crops]
    return torch.from_numpy(np.stack(copies)).to(clean.device)


def _below(most: int, count: int) -> Tensor:
    return torch.randint(most, (count,))
