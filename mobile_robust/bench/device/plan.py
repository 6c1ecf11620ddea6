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
from mobile_robust.contracts.job import DESCRIPTION, Job, JobModel, JobTensor
from mobile_robust.contracts.result import Protocol, Run
from mobile_robust.errors import InputError

#: Outputs that are fetched take at most so many bytes, all models together; of two inputs they are fetched always.
_OUTPUT_BYTES, _LEAST_OUTPUTS = 64 * 2**20, 2


@dataclass(frozen=True)
class MeasurementPlan:
    """Models on runtimes of a platform, the test set of each, and the protocol: the same for all devices."""

    platform: Platform
    models: Sequence[Model]
    inputs: Sequence[TestSet]
    protocol: Protocol

    def runs(self) -> tuple[Run, ...]:
        """Without samples."""
        runtimes = [self.platform.runtime_on(model.accelerator) for model in self.models]
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
                models.append(self._job_model(model, run, inputs, indices))
        if not models:
            return None
        # of classifiers many outputs are kept, as they are small
        each = 4 * sum(prod(tensor.shape) for model in self.models for tensor in model.artifact.outputs)
        return Job(
            run_id=secrets.token_hex(8),
            protocol=self.protocol,
            max_thermal_status=self.platform.max_thermal_status,
            kept_outputs=min(self.protocol.inputs.count, max(_LEAST_OUTPUTS, _OUTPUT_BYTES // each)),
            models=tuple(models),
        )

    def files(self, job: Job) -> list[DeviceFile]:
        """Everything the job needs, each file once."""
        every = [
            *(DeviceFile(m.path, m.artifact.sha256, self._suffix(m)) for m in self.models),
            *(DeviceFile(inputs.path, inputs.sha256, ".f32") for inputs in self.inputs),
        ]
        needed = {name for model in job.models for name in (model.file, model.inputs_file)}
        return list({file.name: file for file in every if file.name in needed}.values())

    def run_key(self, model: JobModel) -> Key:
        """That of the run which the app makes of a job's model."""
        return model.sha256, self.platform.runtime_on(model.requested).name, model.requested

    def _job_model(self, model: Model, run: Run, inputs: TestSet, repetitions: Sequence[int]) -> JobModel:
        return JobModel(
            **run.model_dump(include=set(DESCRIPTION)),
            file=run.sha256 + self._suffix(model),
            total_ops=sum(model.artifact.operations.values()),
            inputs=tuple(JobTensor(name=name, shape=shape) for name, shape in inputs.shapes.items()),
            outputs=tuple(JobTensor(name=tensor.name, shape=tensor.shape) for tensor in model.artifact.outputs),
            inputs_file=f"{inputs.sha256}.f32",
            inputs_sha256=inputs.sha256,
            repetitions=tuple(repetitions),
        )

    def _suffix(self, model: Model) -> str:
        return self.platform.runtime_on(model.accelerator).suffix


def choose_models(
    platform: Platform, builds: Sequence[Path], precisions: Sequence[str], accelerators: Sequence[str]
) -> list[Model]:
    """The artifacts of builds, each on the platform's runtimes for these accelerators that can compute in its
    precision; see :func:`resolve`.

    Raises:
        InputError: See :func:`resolve`; no accelerator can compute in the precisions; or the runtime in the app would
            refuse a file.
    """
    runtimes = [platform.runtime_on(name) for name in accelerators]
    without = {runtime.name: runtime.without for runtime in runtimes}
    found = resolve(builds, precisions, runtimes)
    models = [model for model in found if model.artifact.precision not in without[model.runtime]]
    if not models:
        which = ", ".join(dict.fromkeys(model.artifact.precision for model in found))
        raise InputError(f"--accelerator {' '.join(accelerators)}: cannot compute in {which}; give another, or others")
    problems = [
        f"{path}: the app's runtime would refuse it: {problem}"
        for path in dict.fromkeys(model.path for model in models)
        for problem in platform.file_problems(path)
    ]
    if problems:
        raise InputError("\n".join(problems))
    return models
