"""Results as a device could have measured them: samples from a formula, the same every time."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from mobile_robust.contracts.manifest import Placement
from mobile_robust.contracts.precisions import Precision
from mobile_robust.contracts.result import (
    App,
    Cpu,
    Device,
    Inputs,
    Protocol,
    Repetition,
    Result,
    Run,
    RuntimeVersion,
    State,
    write_result,
)

WHEN = "2026-01-02T03:04:05+00:00"
#: Recipe -> title, parameters, multiply-accumulates, CPU ms, GPU ms.
MODELS = {
    "resnet50": ("ResNet-50", 25_557_032, 4_089_184_256, 60.0, 40.0),
    "arcnn": ("AR-CNN", 117_731, 5_897_011_200, 90.0, 35.0),
    "afd_resnet50": ("AFD-Module for ResNet-50", 101_000, 263_000_000, 4.2, 3.0),
    "afd_mobilenetv2_pipeline": ("MobileNetV2 with AFD-Module (nano)", 3_516_152, 369_063_808, 8.0, 6.0),
}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def protocol(repetitions: int = 10, count: int = 8, **changes: object) -> Protocol:
    fields = {
        "warm_up_seconds": 1.0,
        "warm_up_runs": 5,
        "repetitions": repetitions,
        "threads": 1,
        "pinned_cpus": (1,),
        "cool_down_seconds": 1.0,
        "interleaved": True,
        "inputs": Inputs(count=count, description="photos of test", sha256=digest("photos")),
    }
    return Protocol.model_validate({**fields, **changes})


def run(name: str, precision: Precision = "fp32", requested: str = "cpu", how: Protocol | None = None) -> Run:
    """A run of a machine that gets 2 % slower every repetition, for all models alike."""
    how = how or protocol()
    title, parameters, macs, cpu, gpu = MODELS[name]
    base = (cpu if requested == "cpu" else gpu) * (0.4 if precision == "int8" else 1.0)
    random = np.random.default_rng(int(digest(name + precision + requested)[:8], 16))
    repetitions = []
    for index in range(how.repetitions):
        samples = base * 1.02**index * (1 + 0.03 * random.gamma(1.5, size=how.inputs.count))
        ns = tuple((1e6 * samples).astype(int).tolist())
        state = State(cpu_khz=(1_800_000 - 10_000 * index,), temperatures_mc={"soc": 40_000 + 500 * index}, load=0.5)
        repetitions.append(Repetition(index=index, start=WHEN, samples_ns=ns, state_before=state, state_after=state))
    return Run(
        name=name,
        title=title,
        artifact=f"{name}_{precision}.tflite",
        sha256=digest(name + precision),
        precision=precision,
        macs=macs,
        parameters=parameters,
        runtime=RuntimeVersion(name=f"litert_{requested}", version="2.3.0"),
        requested=requested,
        actual=Placement(accelerator="xnnpack" if requested == "cpu" else "gpu (Some 7)", total_ops=9, placed_ops=9),
        load_ns=12_000_000,
        first_inference_ns=int(2e6 * base),
        baseline_memory_bytes=60_000_000,
        peak_memory_bytes=72_500_000,
        inputs_sha256=digest("inputs"),
        repetitions=tuple(repetitions),
    )


def device(name: str = "Host 1") -> Device:
    cpus = (Cpu(index=0, max_khz=1_800_000),)
    return Device(name=name, os="Linux 6", abi="x86_64", cpus=cpus, memory_bytes=8 * 10**9)


def result(runs: tuple[Run, ...], how: Protocol | None = None) -> Result:
    app = App(platform="host", name="mobile-robust", version="0.2.0")
    return Result(created=WHEN, app=app, device=device(), protocol=how or protocol(), runs=runs, complete=True)


def written(folder: Path, made: Result, name: str = "result.json") -> Path:
    write_result(made, folder / name)
    return folder / name
