"""Training the fidelity map in two stages (report, sections 3.2, 4.1 and 5.1).

First restorer and estimator: the clean crop from the degraded one, and what then is still wrong, both with the mean
absolute error. Then the calibration, through the frozen network: of a degraded crop it shall compute what the plain
network computes of the clean one (or, as the paper has it, the label). The oracle measures its map.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mobile_robust.data.image_spec import ImageSpec
from mobile_robust.errors import InputError
from mobile_robust.layers.joined_batch import joined_mean
from mobile_robust.methods.feature_maps import TailMaps, tail_error
from mobile_robust.methods.fidelity.method import FidelityTraining
from mobile_robust.methods.fidelity.network import Fidelity
from mobile_robust.methods.fidelity.pipeline import FidelityPipeline
from mobile_robust.methods.task import Batch, Task
from mobile_robust.state_dicts import apply_state, read_state

#: Weight of the estimator's error beside the restorer's: with equal weights both stay where they are for long.
ESTIMATOR_WEIGHT = 0.3
#: Mean squared error in the log's PSNR of crops that are all clean: that of rounding to 8 bits.
LEAST_ERROR = 1 / (12 * 255**2)
#: Of the paper's cross-entropy.
LABEL_SMOOTHING = 0.1
#: Learning rates of the second stage, as shares of the first's: of the calibration, whose linear layers have a thousand
#: inputs, and of what the first stage trained. The shifts of blocks learn at the first's.
CALIBRATION_RATE, RESTORER_RATE = 0.15, 0.05


class Calibrating(Task[FidelityPipeline, Fidelity]):
    """Both stages, one after the other."""

    def __init__(self, pipeline: FidelityPipeline, image: ImageSpec, options: FidelityTraining, steps: int) -> None:
        super().__init__(pipeline, image, options, steps)
        self.options, self.steps = options, steps
        if options.restore is not None and options.restore > steps:
            raise InputError(f"--restore {options.restore}: allowed are 0 to --steps {steps}")
        if self.module.calibration is None and options.restore not in (None, 0, steps):
            raise InputError(f"--restore {options.restore}: the recipe leaves out all of the calibration")
        restore = steps if self.module.calibration is None else steps // 2
        self._begin(restore if options.restore is None else options.restore)
        self.module.start_at_identity()
        example = torch.zeros(1, 3, *image.size)
        self.teacher = TailMaps(pipeline.extractor, example, *self._neutral(example))
        self.maps = self.teacher
        self.moving_statistics = 1.0  # on_step_start decides

    def _begin(self, restore: int) -> None:
        self.restore = restore
        self.stages = (0.0, restore / self.steps) if 0 < restore < self.steps else (0.0,)
        self.restoring = restore > 0

    def load(self, path: Path, what: str) -> None:
        """The whole module, or a restorer and what else of it fits; then the first stage is over, unless ``--restore``
        says otherwise."""
        state, own = read_state(path), self.module.state_dict()
        if all(name in state for name in own if name.startswith("restorer.")):
            state = {name: state.get(name, tensor) for name, tensor in own.items()}
        apply_state(self.module, state, path, what)
        if self.options.restore is None and self.module.calibration is not None:
            self._begin(0)
        norm = self.module.map.norm
        if norm is not None and (self.restore or self.module.source == "oracle"):
            norm.reset_running_stats()  # another restorer, or another map, than that of the file

    def use_student(self, pipeline: FidelityPipeline) -> None:
        example = torch.zeros(1, 3, *self.image.size)
        self.maps = TailMaps(pipeline.extractor, example, *self._neutral(example))

    def _neutral(self, image: Tensor) -> tuple[Tensor, ...]:
        calibration = self.module.calibration
        return calibration.neutral(image) if calibration else ()

    def param_groups(self) -> list[tuple[list[nn.Parameter], float]]:
        """Restorer, estimator, the shifts of blocks, all else of the calibration."""
        if self.restoring:
            shares = 1.0, 1.0, 0.0, 0.0
        else:
            learns = self.options.learn
            restorer, estimator = RESTORER_RATE * (learns == "all"), RESTORER_RATE * (learns != "calibration")
            shares = restorer, estimator, 1.0, CALIBRATION_RATE
        groups: list[list[nn.Parameter]] = [[], [], [], []]
        prefixes = "restorer.", ("restorer.error.", "restorer.fidelity."), "calibration.blocks.", "calibration."
        for name, parameter in self.module.named_parameters():
            groups[next(i for i in (1, 0, 2, 3) if name.startswith(prefixes[i]))].append(parameter)
        return [*zip(groups, shares, strict=True)]

    def on_step_start(self, progress: float) -> None:
        self.restoring = progress * self.steps < self.restore - 0.5
        fixed_from = 0.8 * self.restore / self.steps  # the last steps train the very function that is deployed
        moving = progress < self.moving_statistics  # not where an int8 file's rounding is learned
        self.module.train(moving)
        self.module.restorer.train(moving and self.restoring and progress < fixed_from)
        if (norm := self.module.map.norm) is not None:
            norm.train(moving and not self.restoring)
        for parameters, share in self.param_groups():
            for parameter in parameters:
                parameter.requires_grad_(share > 0)

    def loss(self, student: FidelityPipeline, batch: Batch) -> dict[str, Tensor]:
        clean, degraded = self.images(batch.clean), self.images(batch.degraded)
        return (
            self._restore(student, clean, degraded)
            if self.restoring
            else self._calibrate(student, batch, clean, degraded)
        )

    def _restore(self, student: FidelityPipeline, clean: Tensor, degraded: Tensor) -> dict[str, Tensor]:
        module = student.module
        restored, errors = module.restorer(degraded)
        restored, clean = restored / module.top, clean / module.top
        difference = (restored - clean).abs().mean()
        square = joined_mean((restored - clean).square().mean()).clamp_min(LEAST_ERROR)
        found = {"loss": difference, "psnr": -10 * square.log10()}
        if errors is None:
            return found
        wrong = (errors - module.map.measure(restored.detach(), clean)).abs().mean()
        return {**found, "loss": difference + ESTIMATOR_WEIGHT * wrong, "restorer": difference, "estimator": wrong}

    def _calibrate(self, student: FidelityPipeline, batch: Batch, clean: Tensor, degraded: Tensor) -> dict[str, Tensor]:
        if self.options.loss == "answers":
            answer = student(degraded, clean)
            return {"loss": F.cross_entropy(answer, self.targets(batch), label_smoothing=LABEL_SMOOTHING)}
        restored, context = student.module.prepare(degraded, clean)
        normalized = student.normalize(restored)
        *maps, pooled = self.maps(student.module.edit_image(normalized, *context), *context[: student.module.contexts])
        pooled = student.edit_pooled(pooled, normalized, context)
        with torch.no_grad():
            image = self.pipeline.normalize(clean)
            *wanted, target = self.teacher(image, *self._neutral(image))
            answer = self.pipeline.classifier(target)
        tail = tail_error([*maps, pooled, student.classifier(pooled)], [*wanted, target, answer])
        return {"loss": tail.pop("tail"), **tail}
