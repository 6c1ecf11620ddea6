"""One recipe -> one folder: artifacts, stored reference, report, and last of all the manifest."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import nn

from mobile_robust import __version__
from mobile_robust.contracts.manifest import (
    Artifact,
    Manifest,
    ParityResult,
    Provenance,
    StoredFile,
    Tensor,
    write_manifest,
)
from mobile_robust.contracts.recipe import Precision, Recipe, Target
from mobile_robust.contracts.tensors import Role
from mobile_robust.convert import interface
from mobile_robust.convert import rounding as weight_rounding
from mobile_robust.convert.cost import Cost, count
from mobile_robust.convert.fingerprint import fingerprint, reusable, tool_versions
from mobile_robust.convert.report import write_report
from mobile_robust.convert.targets.coreml import convert_coreml, save_package
from mobile_robust.convert.targets.tflite import channels_last, convert_tflite
from mobile_robust.convert.targets.tflite_quantize import Sample, static_wi8_ai8, weights_fp16
from mobile_robust.convert.workspace import refuse_foreign, replace, workspace
from mobile_robust.data import calibration as samples
from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.images import Photo
from mobile_robust.errors import InputError
from mobile_robust.files import sha256, size, write_atomically
from mobile_robust.parity.check import check
from mobile_robust.parity.reference import Reference
from mobile_robust.pipelines import Model, build_model
from mobile_robust.runtimes import registry
from mobile_robust.tflite import file as tflite_file
from mobile_robust.tflite import metadata
from mobile_robust.tflite.module_path import tensors_of

WEIGHTS_NAME = "weights.safetensors"
Step = Callable[[str], None]


@dataclass(frozen=True)
class Build:
    """What one run of :func:`build` gave."""

    folder: Path
    manifest: Manifest
    reused: bool
    notice: str | None = None


def build(recipe: Recipe, out: Path, calibration: PhotoDataset | None, force: bool, step: Step) -> Build:
    """Builds and proves one recipe in ``out/NAME``, or finds that nothing has changed since the last time.

    Everything is written into a hidden folder beside it, which takes the name at the very end.

    Args:
        recipe: What to build.
        out: Folder of all builds; made where missing.
        calibration: The user's photos, or None for those that ship with the dependencies.
        force: Build even if nothing has changed.
        step: Told what is being done, for a progress display; called :func:`count_steps` times at most.

    Raises:
        InputError: Bad input of any kind, or an int8 file that still computes in float.
    """
    folder = out / recipe.name
    mark = fingerprint(recipe, calibration.identity() if calibration else [])
    if not force and (manifest := reusable(folder, mark)):
        return Build(folder, manifest, reused=True)
    refuse_foreign(folder)
    with workspace(out, recipe.name) as hidden:
        manifest, notice = _Builder(recipe, hidden, calibration, mark, step).run()
        replace(folder, hidden)
    return Build(folder, manifest, reused=False, notice=notice)


def count_steps(recipe: Recipe) -> int:
    """How often :func:`build` calls ``step`` for a recipe that is built."""
    checks = sum(info.target == target for target, _ in recipe.artifacts.pairs() for info in registry.select(None))
    return 3 + len(recipe.artifacts.pairs()) + checks


@dataclass(frozen=True)
class _Source:
    """What all artifacts of a build are made of; ``photos`` are for calibration."""

    system: Model
    photos: Sequence[Photo]
    cost: Cost
    facts: dict[str, str]

    def rounded(self, precision: Precision) -> nn.Module:
        """The deploy form with the weights that a file of this precision will hold."""
        if precision == "fp32":
            return self.system.deploy
        inputs = [tuple(self.system.example(photo).values()) for photo in self.photos]
        keep = self.system.recipe.quantization.float_layers if precision == "int8" else ()
        return weight_rounding.prepare(self.system.deploy, inputs, precision, keep)


@dataclass
class _Builder:
    """The build of one recipe, stage by stage; ``seconds`` keeps where the time went."""

    recipe: Recipe
    folder: Path
    calibration: PhotoDataset | None
    mark: str
    step: Step
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self) -> tuple[Manifest, str | None]:
        recipe = self.recipe
        self.step("backbone and module")
        with self._clock("model and photos"):
            system = build_model(recipe)
            wanted = recipe.quantization.calibration_images, recipe.parity_images
            photos = samples.choose(self.calibration, recipe.input.height_width, *wanted)
            provenance = system.provenance.model_copy(
                update={"calibration": photos.calibration_source, "parity_images": photos.parity_source}
            )
            cost = count(system.deploy, system.example(photos.parity[0]))
        self.step("PyTorch reference")
        with self._clock("PyTorch reference"):
            reference = make_reference(system, photos.parity)
            reference_path = reference.save(self.folder)
            weights_path = self.folder / WEIGHTS_NAME
            state = {name: x.contiguous() for name, x in system.reference.state_dict().items()}
            write_atomically(weights_path, save(state))
        source = _Source(system, photos.calibration, cost, _facts(recipe, provenance))
        artifacts, errors = self._prove([*self._tflite(source), *self._coreml(source)], reference)
        self.step("report")
        manifest = Manifest(
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            fingerprint=self.mark,
            recipe=recipe,
            provenance=provenance,
            tools=tool_versions(),
            machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            seconds={name: round(value, 2) for name, value in self.seconds.items()},
            reference=StoredFile(file=reference_path.name, sha256=sha256(reference_path)),
            weights=StoredFile(file=WEIGHTS_NAME, sha256=sha256(weights_path)),
            artifacts=tuple(artifacts),
        )
        write_report(manifest, self.folder, errors)
        write_manifest(manifest, self.folder)
        return manifest, photos.notice

    def _tflite(self, source: _Source) -> list[Artifact]:
        system, photos = source.system, source.photos
        artifacts = []
        for precision in self.recipe.artifacts.tflite:
            self.step(f"TFLite {precision}")
            with self._clock(f"TFLite {precision}"):
                network = source.rounded(precision)
                plain = self.folder / ".float.tflite"
                convert_tflite(network, system.example(photos[0]), system.output.name, plain)
                content = plain.read_bytes()
                if precision == "fp16":
                    content = weights_fp16(plain)
                kept = tensors_of(tflite_file.read(plain), self.recipe.quantization.float_layers)
                if precision == "int8":
                    content = static_wi8_ai8(plain, [_channels_last(system, photo) for photo in photos], kept)
                path = self._path(precision, ".tflite")
                write_atomically(path, self._with_metadata(content, plain, source))
                plain.unlink()
                self._refuse_float(path, precision, kept)
                file = tflite_file.read(path)
                borders = interface.tflite_tensors(file, source.system.tensors)
                artifacts.append(self._artifact(path, "tflite", precision, source.cost, file.op_counts, borders))
        return artifacts

    def _refuse_float(self, path: Path, precision: Precision, kept: frozenset[str]) -> None:
        """Nobody should ship an int8 file that is still float inside without having said so."""
        if precision != "int8":
            return
        left = tflite_file.float_operations(path, self.recipe.quantization.allow_float_ops, kept)
        if left:
            raise InputError(
                f"recipe {self.recipe.name}: the int8 file still computes in float: {'; '.join(left[:3])}"
                f"{f' and {len(left) - 3} more' if len(left) > 3 else ''}; "
                "allow them with quantization.allow_float_ops or float_layers, or leave int8 out of artifacts.tflite"
            )

    def _with_metadata(self, content: bytes, plain: Path, source: _Source) -> bytes:
        file, known, facts = tflite_file.read(plain), source.system.tensors, source.facts
        std = 255.0 / self.recipe.input.range
        notes = {
            name: metadata.TensorNote(spec, std if name in file.inputs and spec.role is Role.IMAGE else None)
            for name, spec in known.items()
        }
        packed = metadata.pack(
            self.recipe.name,
            f"{self.recipe.title}. " + "; ".join(f"{key}: {value}" for key, value in facts.items()),
            facts["version"],
            [notes[name] for name in file.inputs],
            [notes[name] for name in file.outputs],
        )
        return metadata.attach(content, {metadata.ENTRY: packed})

    def _coreml(self, source: _Source) -> list[Artifact]:
        system, example = source.system, source.system.example(source.photos[0])
        artifacts = []
        for precision in self.recipe.artifacts.coreml:
            self.step(f"Core ML {precision}")
            with self._clock(f"Core ML {precision}"):
                network = source.rounded(precision)
                model = convert_coreml(network, example, system.output.name, self.recipe.input.range, precision)
                interface.annotate_coreml(model, self.recipe, source.system.tensors, source.facts)
                path = self._path(precision, ".mlpackage")
                save_package(model, path)
                borders = interface.coreml_tensors(model, source.system.tensors)
                operations = interface.coreml_operations(model)
                artifacts.append(self._artifact(path, "coreml", precision, source.cost, operations, borders))
        return artifacts

    def _prove(
        self, artifacts: Sequence[Artifact], reference: Reference
    ) -> tuple[list[Artifact], dict[tuple[str, str], np.ndarray]]:
        proven = []
        errors: dict[tuple[str, str], np.ndarray] = {}
        for artifact in artifacts:
            results, sampled = check(self.folder, artifact, self.recipe, reference, registry.select(None), self.step)
            for result in results:
                self._add_seconds(f"parity {result.runtime}", result)
            proven.append(artifact.model_copy(update={"parity": tuple(results)}))
            errors |= {(artifact.file, runtime): sample for runtime, sample in sampled.items()}
        return proven, errors

    def _artifact(
        self,
        path: Path,
        target: Target,
        precision: Precision,
        cost: Cost,
        operations: dict[str, int],
        borders: tuple[tuple[Tensor, ...], tuple[Tensor, ...]],
    ) -> Artifact:
        return Artifact(
            file=path.name,
            target=target,
            precision=precision,
            sha256=sha256(path),
            bytes=size(path),
            macs=cost.macs,
            parameters=cost.parameters,
            operations=operations,
            inputs=borders[0],
            outputs=borders[1],
        )

    def _path(self, precision: Precision, suffix: str) -> Path:
        return self.folder / f"{self.recipe.name}_{precision}{suffix}"

    def _add_seconds(self, stage: str, result: ParityResult) -> None:
        self.seconds[stage] = self.seconds.get(stage, 0.0) + result.seconds

    @contextmanager
    def _clock(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start


def make_reference(system: Model, photos: Sequence[Photo]) -> Reference:
    """The training form's answers to some photos."""
    inputs = [system.example(photo) for photo in photos]
    with torch.no_grad():
        expected = [system.reference(*x.values()).numpy() for x in inputs]
    arrays = {name: np.concatenate([x[name].numpy() for x in inputs]) for name in inputs[0]}
    specs = tuple(system.tensors[name] for name in arrays)
    for spec in specs:
        if spec.role is Role.IMAGE:
            arrays[spec.name] = np.stack([photo.transpose(2, 0, 1) for photo in photos])
    return Reference(
        inputs=specs,
        arrays=arrays,
        image_scale=system.recipe.input.range / 255,
        output=system.output,
        expected=np.concatenate(expected),
    )


def _channels_last(system: Model, photo: Photo) -> Sample:
    return {name: channels_last(x).numpy() for name, x in system.example(photo).items()}


def _facts(recipe: Recipe, provenance: Provenance) -> dict[str, str]:
    """What the files themselves say of their origin."""
    facts = {
        "version": __version__,
        "recipe": recipe.name,
        "weights": provenance.weights,
        "backbone": provenance.backbone,
    }
    return {**facts, "label": provenance.label} if provenance.label else facts
