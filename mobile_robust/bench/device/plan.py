"""What is measured on every device, and the job that asks an app for what is missing."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from mobile_robust.bench.device.transport import DeviceFile, Platform
from mobile_robust.bench.inputs import TestSet
from mobile_robust.bench.models import Model, resolve
from mobile_robust.bench.resume import Key, key, missing, new_run
from mobile_robust.contracts.job import Job, JobModel, JobTensor
from mobile_robust.contracts.manifest import Artifact
from mobile_robust.contracts.result import Protocol, Run
from mobile_robust.errors import InputError

#: Outputs that are fetched take at most so many bytes, all models together; of two inputs they are fetched always.
_OUTPUT_BYTES, _LEAST_OUTPUTS = 64 * 2**20, 2


@dataclass(frozen=True)
class MeasurementPlan:
    """Models, inputs and protocol of a measurement, the same for all devices.

    Attributes:
        platform: Of the devices.
        models: On runtimes of the platform.
        inputs: Of each model, its test set.
        protocol: How.
        thermal_wait: Seconds the app waits for a hot device to cool down.
    """

    platform: Platform
    models: Sequence[Model]
    inputs: Sequence[TestSet]
    protocol: Protocol
    thermal_wait: float = 300.0

    @property
    def kept_outputs(self) -> int:
        """Outputs for so many first inputs are fetched: of classifiers many, as they are small."""
        each = sum(output_bytes(model.artifact) for model in self.models)
        return min(self.protocol.inputs.count, max(_LEAST_OUTPUTS, _OUTPUT_BYTES // each))

    def runs(self) -> tuple[Run, ...]:
        """Without samples."""
        runtimes = [self.platform.runtime(model.runtime) for model in self.models]
        return tuple(
            new_run(model, runtime.version, runtime.arithmetic.get(model.artifact.precision))
            for model, runtime in zip(self.models, runtimes, strict=True)
        )

    def job(self, runs: Sequence[Run]) -> Job | None:
        """What these runs lack, but those with an error; None where that is nothing."""
        known = {run.key: run for run in runs}
        models = []
        for model, inputs in zip(self.models, self.inputs, strict=True):
            run = known[key(model)]
            if not run.errors and (indices := missing(run, self.protocol.repetitions)):
                models.append(self._job_model(model, inputs, indices))
        if not models:
            return None
        return Job(
            run_id=secrets.token_hex(8),
            protocol=self.protocol,
            max_thermal_status=self.platform.max_thermal_status,
            thermal_wait_seconds=self.thermal_wait,
            kept_outputs=self.kept_outputs,
            models=tuple(models),
        )

    def files(self, job: Job) -> list[DeviceFile]:
        """Everything the job needs, each file once."""
        wanted = {self.run_key(model) for model in job.models}
        found: dict[str, DeviceFile] = {}
        for model, inputs in zip(self.models, self.inputs, strict=True):
            if key(model) in wanted:
                for file in (
                    DeviceFile(model.path, model.artifact.sha256, self.platform.runtime(model.runtime).suffix),
                    DeviceFile(inputs.path, inputs.sha256, ".f32"),
                ):
                    found[file.name] = file
        return list(found.values())

    def run_key(self, model: JobModel) -> Key:
        """That of the run which the app makes of a job's model."""
        return model.sha256, self.platform.runtime_on(model.requested).name, model.requested

    def _job_model(self, model: Model, inputs: TestSet, repetitions: Sequence[int]) -> JobModel:
        recipe, artifact, runtime = model.manifest.recipe, model.artifact, self.platform.runtime(model.runtime)
        return JobModel(
            name=recipe.name,
            title=recipe.title,
            label=model.manifest.provenance.label,
            artifact=artifact.file,
            sha256=artifact.sha256,
            precision=artifact.precision,
            macs=artifact.macs,
            parameters=artifact.parameters,
            file=artifact.sha256 + runtime.suffix,
            total_ops=sum(artifact.operations.values()),
            requested=runtime.accelerator,
            arithmetic=runtime.arithmetic.get(artifact.precision),
            inputs=tuple(JobTensor(name=name, shape=shape) for name, shape in inputs.shapes.items()),
            outputs=tuple(JobTensor(name=tensor.name, shape=tensor.shape) for tensor in artifact.outputs),
            inputs_file=f"{inputs.sha256}.f32",
            inputs_sha256=inputs.sha256,
            repetitions=tuple(repetitions),
        )


def choose_models(
    platform: Platform, builds: Sequence[Path], precisions: Sequence[str], accelerators: Sequence[str]
) -> list[Model]:
    """The artifacts of builds, each on the platform's runtimes.

    Args:
        platform: Of the devices.
        builds: Folders of finished builds, or artifacts in such folders.
        precisions: Only these; none: all there are.
        accelerators: On these, each of which a runtime of the platform uses.

    Raises:
        InputError: See :func:`resolve`; or the runtime in the app would refuse a file.
    """
    models = resolve(builds, precisions, [platform.runtime_on(name) for name in accelerators])
    problems = [
        f"{path}: the app's runtime would refuse it: {problem}"
        for path in dict.fromkeys(model.path for model in models)
        for problem in platform.file_problems(path)
    ]
    if problems:
        raise InputError("\n".join(problems))
    return models


def output_bytes(artifact: Artifact) -> int:
    """Of all outputs for one input, as float32."""
    return 4 * sum(prod(tensor.shape) for tensor in artifact.outputs)
