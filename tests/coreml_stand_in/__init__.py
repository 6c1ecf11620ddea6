"""Core ML as this computer can stand in for it: coremltools' prediction by the package's operations in PyTorch, and a
compute plan that a test chooses. Not Core ML: it says nothing of what Core ML computes or where."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mobile_robust.runtimes import coreml_device

#: "DEVICE" of all operations, or "DEVICE:KIND=DEVICE" where one kind is elsewhere; empty: a system that has no plan.
PLAN = "COREML_STAND_IN_PLAN"


class MLCPUComputeDevice:
    pass


class MLGPUComputeDevice:
    pass


class MLNeuralEngineComputeDevice:
    pass


class ComputeUnit(Enum):
    ALL = 1
    CPU_AND_GPU = 2
    CPU_ONLY = 3
    CPU_AND_NE = 4


_BY_NAME = {"cpu": MLCPUComputeDevice, "gpu": MLGPUComputeDevice, "npu": MLNeuralEngineComputeDevice}
_OF_UNITS = {ComputeUnit.CPU_ONLY: "cpu", ComputeUnit.CPU_AND_GPU: "gpu", ComputeUnit.CPU_AND_NE: "npu"}


class MLModel:
    """coremltools' of this name, with its parameters."""

    def __init__(self, model: str, compute_units: ComputeUnit = ComputeUnit.ALL) -> None:
        from mobile_robust.runtimes.coreml_mil.runtime import CoremlMil

        self._session, self._path = CoremlMil().open(Path(model)), model

    def get_compiled_model_path(self) -> str:
        return self._path

    def predict(self, data: dict[str, Any]) -> dict[str, Any]:
        arrays = {}
        for name, value in data.items():
            is_image = not isinstance(value, np.ndarray)  # Pillow's
            arrays[name] = np.asarray(value, np.float32).transpose(2, 0, 1)[None] if is_image else value
        return dict(self._session.predict(arrays))


class MLComputePlan:
    """coremltools' of this name: three operations, a constant, and weights that are decompressed at the load."""

    @classmethod
    def load_from_path(cls, path: str, compute_units: ComputeUnit) -> MLComputePlan:
        if not os.environ.get(PLAN, "as asked"):
            raise ValueError("MLComputePlan is not supported.")
        plan = cls()
        plan._device, _, change = os.environ.get(PLAN, _OF_UNITS.get(compute_units, "npu")).partition(":")
        plan._changes = dict([change.split("=")]) if change else {}
        return plan

    @property
    def model_structure(self) -> Any:
        kinds = "const", "constexpr_lut_to_dense", "ios16.conv", "ios16.conv", "ios16.relu"
        operations = [SimpleNamespace(operator_name=kind) for kind in kinds]
        main = SimpleNamespace(block=SimpleNamespace(operations=operations))
        return SimpleNamespace(program=SimpleNamespace(functions={"main": main}))

    def get_compute_device_usage_for_mlprogram_operation(self, operation: Any) -> Any:
        kind = operation.operator_name.rpartition(".")[2]
        if kind == "const":
            return None
        device = "cpu" if kind.startswith("constexpr_") else self._changes.get(kind, self._device)
        return SimpleNamespace(preferred_compute_device=_BY_NAME[device]())


def apply() -> None:
    """In this process, which ends with it."""
    models = SimpleNamespace(MLModel=MLModel, compute_plan=SimpleNamespace(MLComputePlan=MLComputePlan))
    coreml_device.import_coremltools = lambda: SimpleNamespace(ComputeUnit=ComputeUnit, models=models)
    coreml_device.platform = SimpleNamespace(system=lambda: "Darwin")


def use(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process and in those that it starts, as long as the patch lasts."""
    for name in ("import_coremltools", "platform"):
        monkeypatch.setattr(coreml_device, name, getattr(coreml_device, name))  # what apply() changes is undone
    folder = Path(__file__).parent
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder / "site"), str(folder.parents[1])]))
    apply()
