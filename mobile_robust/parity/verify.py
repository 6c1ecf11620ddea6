"""Verifies a built folder again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mobile_robust.contracts.manifest import Manifest, NpuArtifact, read_manifest, verify_hashes
from mobile_robust.errors import InputError, unknown
from mobile_robust.parity.advice import walkable
from mobile_robust.parity.check import check, check_compiled, computed_by
from mobile_robust.parity.reference import Reference, load_reference
from mobile_robust.runtimes import registry
from mobile_robust.runtimes.registry import RuntimeInfo

if TYPE_CHECKING:
    from mobile_robust.parity.layers.walk import LayerReport


@dataclass(frozen=True)
class Verification:
    """What a build's artifacts did now: its manifest with the new results in place of its own.

    ``against`` is the runtime that they were compared with; None: PyTorch.
    """

    folder: Path
    manifest: Manifest
    against: str | None

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return self.manifest.passed


@dataclass(frozen=True)
class Plan:
    """A build whose files are as its manifest says, and what is going to be checked; see :func:`verify`."""

    folder: Path
    manifest: Manifest
    checks: tuple[RuntimeInfo, ...]
    against: RuntimeInfo | None
    images: int | None

    @property
    def steps(self) -> int:
        """How often :meth:`run` calls ``on_step``."""
        artifacts = sum(info.target == artifact.target for artifact in self.manifest.artifacts for info in self.checks)
        return artifacts + sum(len(self._checks_of(npu)) for npu in self.manifest.npu)

    def run(self, on_step: Callable[[str], None] = lambda _: None) -> Verification:
        """Runs every check."""
        reference, artifacts = load_reference(self.folder, self.manifest), []
        if self.images is not None:
            reference = reference.first(self.images)
        for artifact in self.manifest.artifacts:
            expected = reference
            if self.against and self.against.target == artifact.target:
                expected = computed_by(self.against, self.folder, artifact, reference)
            results, _ = check(self.folder, artifact, self.manifest.recipe, expected, self.checks, on_step)
            artifacts.append(artifact.model_copy(update={"parity": tuple(results)}))
        compiled = tuple(self._compiled(npu, reference, on_step) for npu in self.manifest.npu)
        manifest = self.manifest.model_copy(update={"artifacts": tuple(artifacts), "npu": compiled})
        return Verification(self.folder, manifest, self.against.name if self.against else None)

    def _checks_of(self, npu: NpuArtifact) -> list[RuntimeInfo]:
        """Those for the chip that a file was compiled for."""
        return [info for info in self.checks if info.chips and (info.chip or info.chips[0]) == npu.chip]

    def _compiled(self, npu: NpuArtifact, reference: Reference, on_step: Callable[[str], None]) -> NpuArtifact:
        """A compiled file with what it did now: nothing, where its chip was not asked for."""
        (source,) = [artifact for artifact in self.manifest.artifacts if artifact.file == npu.source]
        if self.against and self.against.target == source.target:
            reference = computed_by(self.against, self.folder, source, reference)
        checks, file = self._checks_of(npu), self.folder / npu.file
        results = check_compiled(self.folder, file, source, self.manifest.recipe, reference, checks, on_step)
        return npu.model_copy(update={"parity": tuple(results)})


def plan(
    folder: Path, runtimes: Sequence[str] | None = None, images: int | None = None, against: str | None = None
) -> Plan:
    """What :func:`verify` will compare, with the same arguments."""
    if images is not None and images < 1:
        raise InputError(f"--images {images}: must be 1 or more")
    manifest = read_manifest(folder)
    verify_hashes(manifest, folder)
    accelerators, other = manifest.recipe.accelerators, None
    chosen = registry.select(runtimes) if runtimes else registry.select_for(accelerators)
    if runtimes:
        registry.require(runtimes)
    if against:
        known = registry.runtimes()
        if against.partition(":")[0] not in known:
            raise unknown("runtime", against, known)
        registry.require([against])
        other = registry.find(against)
        chosen = [replace(info, integer_against=None) for info in chosen if info.target == other.target]
    if not {artifact.target for artifact in manifest.artifacts}.intersection(info.target for info in chosen):
        names = " or ".join(info.name for info in chosen) or against
        raise InputError(f"{folder}: holds no file that {names} runs")
    return Plan(folder, manifest, tuple(chosen), other, images)


def verify(
    folder: Path,
    runtimes: Sequence[str] | None = None,
    images: int | None = None,
    against: str | None = None,
    on_step: Callable[[str], None] = lambda _: None,
) -> Verification:
    """Runs every artifact of a build again and compares it with the PyTorch reference stored in the folder.

    Args:
        folder: Of a finished build.
        runtimes: Names of checks (see ``runtimes.registry``), which must be able to run here; None: all of a build,
            of which those that cannot run here are skipped.
        images: Only the first of the stored images; None: as many as the build compared.
        against: A runtime whose outputs of the same file are compared with, not PyTorch's.
        on_step: Called with a description of each check as it begins.

    Raises:
        InputError: No finished build, changed files, unknown runtime, or a runtime asked for that cannot run here.
    """
    return plan(folder, runtimes, images, against).run(on_step)


def walk_failing(verification: Verification) -> dict[str, list[LayerReport]]:
    """The layers of every TFLite file that failed on the CPU, by file name, on the first stored image."""
    import torch

    from mobile_robust.parity.layers.walk import walk
    from mobile_robust.pipelines import rebuild
    from mobile_robust.runtimes.base import EngineError

    folder, manifest = verification.folder, verification.manifest
    failing = [artifact for artifact in manifest.artifacts if walkable(artifact)]
    if not failing:
        return {}
    reference, network = load_reference(folder, manifest), rebuild(folder, manifest).deploy
    arguments = tuple(map(torch.from_numpy, reference.arguments(0)))
    found = {}
    for artifact in failing:
        inputs, tolerance = reference.inputs_of(artifact.inputs, 0), manifest.recipe.tolerance(artifact.precision)
        try:
            found[artifact.file] = walk(folder / artifact.file, network, inputs, arguments, tolerance)
        except EngineError as error:
            raise InputError(f"--layers: {error}") from None
    return found
