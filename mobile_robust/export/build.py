"""One recipe -> one folder: artifacts, stored reference, report, and last of all the manifest."""

from __future__ import annotations

import os
import platform
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import product
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import nn

from mobile_robust import __version__
from mobile_robust.contracts.chips import Chip
from mobile_robust.contracts.manifest import (
    Artifact,
    FailedFile,
    Manifest,
    NpuArtifact,
    Provenance,
    StoredFile,
    write_manifest,
)
from mobile_robust.contracts.overhead import Overhead
from mobile_robust.contracts.precisions import PRECISIONS, Precision
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.contracts.targets import TARGETS, Target
from mobile_robust.contracts.tensors import Role
from mobile_robust.data.calibration import choose
from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.images import Photo
from mobile_robust.errors import InputError
from mobile_robust.export.calibration import Calibration, count_images, degrading
from mobile_robust.export.cost import Cost, count, overhead
from mobile_robust.export.coverage import check_coverage
from mobile_robust.export.earlier import EarlierBuild
from mobile_robust.export.error_plots import ErrorSamples
from mobile_robust.export.fingerprint import fingerprint, reusable, tool_versions
from mobile_robust.export.finished import Build
from mobile_robust.export.latency import added_latency
from mobile_robust.export.npu import compile_artifact, compiled_name, require_npu
from mobile_robust.export.proportion import check_proportion
from mobile_robust.export.report import write_report
from mobile_robust.export.rounding import Rounder
from mobile_robust.export.shown_photos import show_photos
from mobile_robust.export.targets.base import Converter, Source, converter
from mobile_robust.export.workspace import recover, refuse_foreign, temporary_files, workspace
from mobile_robust.files import remove, sha256, size, write_atomically
from mobile_robust.parity.check import AGREEMENT_IMAGES, check
from mobile_robust.parity.reference import Reference
from mobile_robust.pipelines import Model, build_model
from mobile_robust.runtimes import registry
from mobile_robust.runtimes.snapdragon_npu import RUNTIMES

WEIGHTS_NAME = "weights.safetensors"
Step = Callable[[str], None]
#: A file's entry in the manifest, and what was read from it; None: nothing yet.
Made = tuple[Artifact, PathLike[str] | None]


def convert(
    recipe: Recipe,
    out: str | Path = "build",
    *,
    calibration: PhotoDataset | None = None,
    npu: Sequence[Chip] = (),
    force: bool = False,
    on_step: Step | None = None,
) -> Build:
    """Builds a recipe in ``out/NAME`` and verifies every artifact, unless nothing has changed since the last time.

    Everything is written into a hidden folder beside it, which takes the name at the very end. A file that cannot be
    made does not stop the others: the manifest says why it is missing, and the next call makes only what is missing.

    Args:
        recipe: What to build; :func:`~mobile_robust.export.override.override` changes single settings.
        out: Folder of all builds; made where missing.
        calibration: The user's photos; None: those that ship with the dependencies.
        npu: Chips that the int8 TFLite file is compiled for, into further files.
        force: Build even if nothing has changed.
        on_step: Called with the name of each step as it begins, :func:`count_steps` times at most.

    Raises:
        InputError: Bad input of any kind, or no file can be made.
    """
    folder = Path(out) / recipe.name
    if npu:
        require_npu(recipe, npu)
    key = fingerprint(recipe, calibration.identity() if calibration else [], npu)
    recover(folder)
    earlier = None
    if not force and (manifest := reusable(folder, key)):
        if not manifest.failed:
            return Build(folder, manifest, reused=True)
        earlier = EarlierBuild(folder, manifest)
    refuse_foreign(folder)
    with workspace(folder) as hidden:
        manifest, notice = _Builder(recipe, hidden, calibration, npu, key, on_step or (lambda _: None), earlier).run()
    return Build(folder, manifest, reused=False, notice=notice)


def count_steps(recipe: Recipe, npu: Sequence[Chip] = ()) -> int:
    """How often :func:`convert` calls ``on_step`` at most."""
    checks = sum(info.target == target for target, _ in recipe.artifacts.pairs() for info in registry.select(None))
    return 4 + len(recipe.artifacts.pairs()) + checks + len(npu)


@dataclass
class _Builder:
    """The build of one recipe; ``seconds`` says where the time went."""

    recipe: Recipe
    folder: Path
    calibration: PhotoDataset | None
    chips: Sequence[Chip]
    fingerprint: str
    step: Step
    earlier: EarlierBuild | None
    failed: list[FailedFile] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def run(self) -> tuple[Manifest, str | None]:
        recipe = self.recipe
        self.step("backbone and module")
        with self._clock("model and photos"):
            model = build_model(recipe)
            self.recipe = recipe = model.recipe  # with what the backbone says of its image
            wanted = count_images(recipe.quantization), recipe.parity_images
            kinds = recipe.quantization.corruptions
            size, how = recipe.input.height_width, ", ".join(kinds)
            photos = choose(self.calibration, size, *wanted, degrading(kinds), how, more=_more_images(recipe))
            calibration = Calibration(model.example, photos.calibration)
            added = overhead(model)
            doubts = (*photos.warnings, *check_coverage(model, calibration, self.calibration))
            doubts += check_proportion(recipe, added)
            sources = {"calibration": photos.calibration_source, "parity_images": photos.parity_source}
            warnings = {"warnings": model.provenance.warnings + doubts}
            provenance = model.provenance.model_copy(update=sources | warnings)
        self.step("PyTorch reference")
        with self._clock("PyTorch reference"):
            reference = make_reference(model, photos.parity)
            reference_path = reference.save(self.folder)
            weights_path = self.folder / WEIGHTS_NAME
            state = {name: x.contiguous() for name, x in model.reference.state_dict().items()}
            shown = show_photos(model, photos.shown)
            write_atomically(weights_path, save(state, model.trained.metadata() if model.trained else None))
        made = self._convert(model, provenance, calibration)
        artifacts, errors = self._verify(made, reference)
        compiled = self._compile(artifacts, reference)
        self.step("latency")
        with self._clock("latency"):
            added = self._with_latency(added, model, artifacts)
        self.step("report")
        manifest = Manifest(
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            fingerprint=self.fingerprint,
            recipe=recipe,
            provenance=provenance,
            tools=tool_versions(),
            machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            seconds={name: round(value, 2) for name, value in self.seconds.items()},
            reference=StoredFile(file=reference_path.name, sha256=sha256(reference_path)),
            weights=StoredFile(file=WEIGHTS_NAME, sha256=sha256(weights_path)),
            overhead=added,
            artifacts=tuple(artifacts),
            npu=compiled,
            failed=tuple(self.failed),
        )
        report = write_report(manifest, self.folder, errors, shown)
        stored = StoredFile(file=report.name, sha256=sha256(report))
        manifest = write_manifest(manifest.model_copy(update={"report": stored}), self.folder)
        return manifest, photos.notice

    def _convert(self, model: Model, provenance: Provenance, calibration: Calibration) -> list[Made]:
        """Every file of the recipe that can be made, target by target; made precision by precision, so that each is
        rounded once. Raises InputError where there is none."""
        recipe, pairs = self.recipe, self.recipe.artifacts.pairs()
        facts = {"version": __version__, "recipe": recipe.name}
        facts |= {"weights": provenance.weights, "backbone": provenance.backbone}
        if provenance.label:
            facts["label"] = provenance.label
        source = Source(recipe, model.tensors, model.output.name, facts, calibration, model.classes)
        converters = {target: converter(target)(source) for target, _ in pairs}
        order = [precision for _, precision in pairs]
        rounder = Rounder(model.deploy, calibration, recipe.quantization.float_layers)
        cost = count(model.deploy, calibration.first)
        made: dict[tuple[Target, Precision], Made] = {}
        for target, precision in sorted(pairs, key=lambda pair: order.index(pair[1])):
            if self.earlier and (artifact := self.earlier.take(target, precision, self.folder)):
                made[target, precision] = artifact, None
                continue
            stage = f"{TARGETS[target].title} {precision}"
            self.step(stage)
            path = self.folder / f"{recipe.name}_{precision}{TARGETS[target].suffix}"
            try:
                with self._clock(stage), temporary_files(self.folder):
                    network = rounder.network(precision)
                    made[target, precision] = _make(converters[target], network, precision, path, cost)
            except InputError as error:
                remove(path)
                self.failed.append(FailedFile(target=target, precision=precision, reason=str(error)))
        if not made:
            raise InputError("\n".join(dict.fromkeys(each.reason for each in self.failed)))
        return [made[pair] for pair in pairs if pair in made]

    def _verify(self, made: Sequence[Made], reference: Reference) -> tuple[list[Artifact], ErrorSamples]:
        verified, checks = [], registry.select_for(self.recipe.accelerators)
        errors: ErrorSamples = {}
        for artifact, file in made:
            if artifact.parity:  # of the earlier build
                verified.append(artifact)
                continue
            results, sampled = check(self.folder, artifact, self.recipe, reference, checks, self.step, file)
            for result in results:
                self.seconds[f"parity {result.runtime}"] += result.seconds
            verified.append(artifact.model_copy(update={"parity": tuple(results)}))
            errors |= {(artifact.file, runtime): sample for runtime, sample in sampled.items()}
        return verified, errors

    def _compile(self, artifacts: Sequence[Artifact], reference: Reference) -> tuple[NpuArtifact, ...]:
        int8 = [artifact for artifact in artifacts if (artifact.target, artifact.precision) == ("tflite", "int8")]
        compiled = []
        for artifact, chip in product(int8, self.chips):
            if self.earlier and (npu := self.earlier.take_compiled(artifact.file, chip, self.folder)):
                compiled.append(npu)
                continue
            try:
                with self._clock(f"{RUNTIMES[0].name}:{chip}"):
                    compiled.append(compile_artifact(self.folder, artifact, self.recipe, reference, chip, self.step))
            except InputError as error:
                remove(self.folder / compiled_name(artifact, chip))
                self.failed.append(FailedFile(target="tflite", precision="int8", chip=chip, reason=str(error)))
        return tuple(compiled)

    def _with_latency(self, added: Overhead | None, model: Model, artifacts: Sequence[Artifact]) -> Overhead | None:
        """The module's overhead, with its latency where there is a float32 TFLite file."""
        files = [each.file for each in artifacts if (each.target, each.precision) == ("tflite", "fp32")]
        if added is None or not files:
            return added
        return added.model_copy(update={"latency": added_latency(model, self.folder / files[0])})

    @contextmanager
    def _clock(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - start


def _more_images(recipe: Recipe) -> int:
    """How many photos of a user are kept to be compared: many, where classes are compared."""
    counted = any(recipe.tolerance(precision).top1_agreement for _, precision in recipe.artifacts.pairs())
    return AGREEMENT_IMAGES if counted and not recipe.parity.images else 0


def _make(converter: Converter, network: nn.Module, precision: Precision, path: Path, cost: Cost) -> Made:
    """Converts one file. Raises InputError where it cannot be made, and may leave a part of it then."""
    converted = converter.convert(network, PRECISIONS[precision], path)
    artifact = Artifact(
        file=path.name,
        target=converter.spec.name,
        precision=precision,
        sha256=sha256(path),
        bytes=size(path),
        macs=cost.macs,
        parameters=cost.parameters,
        operations=converted.operations,
        inputs=converted.inputs,
        outputs=converted.outputs,
    )
    return artifact, converted.file


def make_reference(model: Model, photos: Sequence[Photo]) -> Reference:
    """The training form's outputs for some photos."""
    inputs = [model.example(photo) for photo in photos]
    with torch.no_grad():
        expected = [model.reference(*x.values()).numpy() for x in inputs]
    arrays = {name: np.concatenate([x[name].numpy() for x in inputs]) for name in inputs[0]}
    specs = tuple(model.tensors[name] for name in arrays)
    for spec in specs:
        if spec.role is Role.IMAGE:
            arrays[spec.name] = np.stack([photo.transpose(2, 0, 1) for photo in photos])
    return Reference(
        inputs=specs,
        arrays=arrays,
        image_scale=model.recipe.input.range / 255,
        output=model.output,
        expected=np.concatenate(expected),
    )
