"""What is measured on every phone, and the job that asks an app for the part of it that is missing."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Literal

from mobile_robust.bench.android.phone import Blob
from mobile_robust.bench.android.preflight import MAX_THERMAL_STATUS
from mobile_robust.bench.inputs import TestSet
from mobile_robust.bench.models import ACCELERATORS, Model, resolve
from mobile_robust.bench.resume import Key, key, missing, new_run
from mobile_robust.contracts.job import Job, JobModel, JobTensor
from mobile_robust.contracts.manifest import Artifact
from mobile_robust.contracts.precisions import PRECISIONS
from mobile_robust.contracts.result import Protocol, Run
from mobile_robust.errors import InputError
from mobile_robust.tflite.op_versions import RUNTIME_VERSION, too_new

#: Answers that are fetched take at most so many bytes, all models together; of two inputs they are fetched always.
_ANSWER_BYTES, _LEAST_ANSWERS = 64 * 2**20, 2


@dataclass(frozen=True)
class Task:
    """See the file.

    Attributes:
        models: The models; their runtimes are tflite_cpu or tflite_gpu.
        inputs: Of each model, its test set.
        protocol: How.
        thermal_wait: Seconds the app waits for a hot phone to cool down.
    """

    models: Sequence[Model]
    inputs: Sequence[TestSet]
    protocol: Protocol
    thermal_wait: float = 300.0

    @property
    def kept_outputs(self) -> int:
        """Answers to so many first inputs are fetched: of classifiers many, as they are small."""
        each = sum(answer_bytes(model.artifact) for model in self.models)
        return min(self.protocol.inputs.count, max(_LEAST_ANSWERS, _ANSWER_BYTES // each))

    def runs(self) -> tuple[Run, ...]:
        """Without figures."""
        return tuple(new_run(model, RUNTIME_VERSION, _arithmetic(model)) for model in self.models)

    def job(self, runs: Sequence[Run]) -> Job | None:
        """What these runs lack, but those with an error; None where that is nothing."""
        known = {run.key: run for run in runs}
        models = []
        for model, inputs in zip(self.models, self.inputs, strict=True):
            run = known[key(model)]
            if not run.errors and (indices := missing(run, self.protocol.repetitions)):
                models.append(_job_model(model, inputs, indices))
        if not models:
            return None
        return Job(
            run_id=secrets.token_hex(8),
            protocol=self.protocol,
            max_thermal_status=MAX_THERMAL_STATUS,
            thermal_wait_seconds=self.thermal_wait,
            kept_outputs=self.kept_outputs,
            models=tuple(models),
        )

    def files(self, job: Job) -> list[Blob]:
        """Everything the job needs, each file once."""
        wanted = {job_key(model) for model in job.models}
        found: dict[str, Blob] = {}
        for model, inputs in zip(self.models, self.inputs, strict=True):
            if key(model) in wanted:
                for blob in (
                    Blob(model.path, model.artifact.sha256, ".tflite"),
                    Blob(inputs.path, inputs.sha256, ".f32"),
                ):
                    found[blob.name] = blob
        return list(found.values())


def choose_models(
    builds: Sequence[Path], precisions: Sequence[str], accelerators: Sequence[Literal["cpu", "gpu"]]
) -> list[Model]:
    """Everything that is measured for the DIRs of a command line.

    Raises:
        InputError: See :func:`resolve`; or the runtime in the app would refuse a file.
    """
    models = resolve(builds, precisions, [f"tflite_{name}" for name in accelerators])
    problems = [
        f"{path}: the app's runtime would refuse it: {problem}"
        for path in dict.fromkeys(model.path for model in models)
        for problem in too_new(path)
    ]
    if problems:
        raise InputError("\n".join(problems))
    return models


def job_key(model: JobModel) -> Key:
    """That of the run which the app makes of it."""
    return model.sha256, f"tflite_{model.requested}", model.requested


def answer_bytes(artifact: Artifact) -> int:
    """Of all outputs for one input, as float32."""
    return 4 * sum(prod(tensor.shape) for tensor in artifact.outputs)


def _arithmetic(model: Model) -> Literal["fp32", "fp16"] | None:
    """What a GPU is asked to compute in; None: a CPU."""
    return None if ACCELERATORS[model.runtime] == "cpu" else PRECISIONS[model.artifact.precision].gpu_arithmetic


def _job_model(model: Model, inputs: TestSet, repetitions: Sequence[int]) -> JobModel:
    recipe, artifact = model.manifest.recipe, model.artifact
    return JobModel(
        name=recipe.name,
        title=recipe.title,
        label=model.manifest.provenance.label,
        artifact=artifact.file,
        sha256=artifact.sha256,
        precision=artifact.precision,
        macs=artifact.macs,
        parameters=artifact.parameters,
        file=f"{artifact.sha256}.tflite",
        total_ops=sum(artifact.operations.values()),
        requested="gpu" if ACCELERATORS[model.runtime] == "gpu" else "cpu",
        arithmetic=_arithmetic(model),
        inputs=tuple(JobTensor(name=name, shape=shape) for name, shape in inputs.shapes.items()),
        outputs=tuple(JobTensor(name=tensor.name, shape=tensor.shape) for tensor in artifact.outputs),
        inputs_file=f"{inputs.sha256}.f32",
        inputs_sha256=inputs.sha256,
        repetitions=tuple(repetitions),
    )
