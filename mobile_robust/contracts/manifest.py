"""Manifest: what a folder holds and how equal each file is to the PyTorch reference.

Written last and atomically: a folder without a valid manifest is not a finished build.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from mobile_robust.contracts.chips import Chip
from mobile_robust.contracts.contract import Contract
from mobile_robust.contracts.overhead import Overhead
from mobile_robust.contracts.precisions import Precision
from mobile_robust.contracts.recipe import Recipe, Tolerance
from mobile_robust.contracts.targets import TARGETS, Target
from mobile_robust.contracts.tensors import Role
from mobile_robust.contracts.upgraded import upgraded
from mobile_robust.documents import as_model, parse_json, read
from mobile_robust.errors import InputError, first_line
from mobile_robust.files import member, resume_key, sha256, write_atomically

SCHEMA_VERSION = 2
MANIFEST_NAME = "manifest.json"
Verdict = Literal["pass", "fail", "skipped"]
Layout = Literal["NHWC", "NCHW", "NC", "N"]


def _in_the_folder(name: str) -> str:
    if name in ("", ".", "..") or "/" in name or not name.isprintable() or len(name.encode()) > 255:
        raise ValueError(f"{name[:80]!a} is not the name of a file in the manifest's folder")
    return name


#: What :func:`mobile_robust.files.member` opens.
FileName = Annotated[str, AfterValidator(_in_the_folder)]
Positive = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]


class Quantization(Contract):
    """Affine quantization of a tensor: real = scale * (stored - zero_point)."""

    scale: float
    zero_point: int


class Tensor(Contract):
    """An input or output of an artifact, as the app sees it."""

    name: str
    shape: tuple[Positive, ...]
    dtype: str
    layout: Layout
    role: Role = Field(description="what it is to the classifier and its adapter")
    description: str = Field(description="what it is, in words, with units")
    value_range: tuple[float, float] | None = Field(
        default=None, description="least and largest value; null: unbounded"
    )
    normalization: str | None = Field(default=None, description="what the app must do before; null: nothing")
    quantization: Quantization | None = None
    repairs: str | None = Field(default=None, description="the input that this output is a repaired version of")


class Metrics(Contract):
    """One output of one artifact against the reference, over all images that were compared.

    ``max_error`` is a fraction of the reference's range (max - min). ``worst_*`` say where the largest error is:
    ``worst_index`` is (image, then the reference's own dimensions, channels first).
    """

    max_abs_error: float
    max_error: float
    mean_abs_error: float
    max_relative_error: float = Field(description="largest |got - expected| / max(|expected|, 1e-3 of the range)")
    snr_db: float | None = Field(description="null: no error at all")
    repair_snr_db: float | None = Field(
        default=None, description="of the difference to the unrepaired input; null: no error, or nothing is repaired"
    )
    psnr_db: float | None = Field(description="null: no error at all")
    cosine: float
    worst_index: tuple[int, ...]
    worst_expected: float
    worst_got: float
    top1_agreement: float | None = Field(default=None, description="pipelines only")
    top1_interval: tuple[float, float] | None = Field(
        default=None, description="95 % interval of top1_agreement, where the photos are a sample of those of an app"
    )
    max_probability_error: float | None = Field(default=None, description="pipelines only: after softmax")


class Placement(Contract):
    """Where a runtime put the operations."""

    accelerator: str = Field(description="cpu, gpu, …")
    total_ops: int
    placed_ops: int
    left_over: tuple[str, ...] = Field(default=(), description="operations the accelerator did not take")


class ParityResult(Contract):
    """The verdict of one runtime on one artifact. ``failures`` are sentences for people; ``reason``: why skipped."""

    runtime: str
    against: str | None = Field(
        default=None, description="the runtime whose outputs of the same file were compared with; null: PyTorch"
    )
    verdict: Verdict
    images: int | None = Field(default=None, description="how many were compared; null: none, or not recorded")
    tolerance: Tolerance | None = None
    metrics: dict[str, Metrics] = Field(default_factory=dict, description="by output name")
    placement: Placement | None = None
    failures: tuple[str, ...] = ()
    reason: str | None = None
    seconds: float = 0.0

    @property
    def comparison(self) -> str:
        """What was compared with what, for tables."""
        return f"{self.runtime} against {self.against}" if self.against else self.runtime


class Artifact(Contract):
    """One converted file (``.mlpackage`` is a folder: its hash covers names and contents in sorted order)."""

    file: FileName
    target: Target
    precision: Precision
    sha256: str
    bytes: Count
    macs: Count = Field(description="multiply-accumulates of the deploy form, one image")
    parameters: Count = Field(description="parameters of the deploy form")
    operations: dict[str, Positive] = Field(min_length=1, description="operation name -> count in the file")
    inputs: tuple[Tensor, ...] = Field(min_length=1)
    outputs: tuple[Tensor, ...] = Field(min_length=1)
    parity: tuple[ParityResult, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """fail if any runtime failed, pass if any passed, otherwise skipped."""
        return _verdict(self.parity)


class NpuArtifact(Contract):
    """An int8 TFLite file compiled for the NPU of one chip: every operation of it in one that dispatches to the NPU."""

    file: FileName
    chip: Chip
    source: FileName = Field(description="the artifact that was compiled")
    sha256: str
    bytes: Count
    operations: Positive = Field(description="of the source, all of them on the NPU")
    litert: str = Field(description="version of LiteRT, whose plug-in compiled it")
    qairt: str = Field(description="version of Qualcomm's libraries, which made the binary")
    needs: str = Field(description="what an app needs to run it, in words")
    parity: tuple[ParityResult, ...] = Field(
        default=(), description="of the compiled file, executed by Qualcomm's emulator"
    )

    @property
    def verdict(self) -> Verdict:
        """As of an :class:`Artifact`."""
        return _verdict(self.parity)


class FailedFile(Contract):
    """A file of the recipe that could not be made; the next ``convert`` tries it again."""

    target: Target
    precision: Precision
    chip: Chip | None = Field(default=None, description="that the int8 file was to be compiled for")
    reason: str = Field(description="a message for people")

    @property
    def title(self) -> str:
        """The file in tables."""
        return " ".join(filter(None, (TARGETS[self.target].title, self.precision, self.chip)))


def _verdict(results: Iterable[ParityResult]) -> Verdict:
    verdicts = {result.verdict for result in results}
    return "fail" if "fail" in verdicts else "pass" if "pass" in verdicts else "skipped"


class Provenance(Contract):
    """Where the numbers in the files come from."""

    weights: str = Field(description="the module's weights, in words")
    weights_sha256: str | None = None
    backbone: str = Field(description="the backbone's weights, in words")
    input: str | None = Field(default=None, description="who says what size, mean and std the image has, in words")
    backbone_sha256: str | None = None
    backbone_tensors_sha256: str | None = Field(
        default=None,
        description="of its tensors in half precision, whatever file they are in; null: random, or not all of them",
    )
    calibration: str = Field(description="the images the int8 ranges were read from, in words")
    parity_images: str = Field(description="the images the artifacts were compared on, in words")
    label: str | None = Field(default=None, description="such as 'untrained: latency only'")
    warnings: tuple[str, ...] = Field(default=(), description="what is doubtful about the build, a sentence each")


class StoredFile(Contract):
    """A file kept beside the artifacts so that ``parity`` can verify them again."""

    file: FileName
    sha256: str


class Manifest(Contract):
    """A finished build."""

    schema_version: Literal[2] = 2
    created: str = Field(description="UTC, ISO 8601")
    fingerprint: str = Field(description="hash of everything the build depends on; equal: nothing to rebuild")
    recipe: Recipe
    provenance: Provenance
    tools: dict[str, str] = Field(description="package -> version")
    machine: str
    seconds: dict[str, float] = Field(description="where the time of the build went")
    reference: StoredFile = Field(description="safetensors: input.NAME and output.NAME of the PyTorch training form")
    weights: StoredFile = Field(description="safetensors: the training form's state, to rebuild it for --layers")
    report: StoredFile | None = Field(default=None, description="the page for people; null: of an older version")
    overhead: Overhead | None = Field(default=None, description="of the module; null: no module, no backbone, or older")
    artifacts: tuple[Artifact, ...]
    npu: tuple[NpuArtifact, ...] = Field(default=(), description="int8 files compiled for chips, where asked for")
    failed: tuple[FailedFile, ...] = Field(default=(), description="files of the recipe that are not there, and why")
    body_sha256: str | None = Field(
        default=None, description="of this document without this key; says whether it was edited, not who wrote it"
    )

    @field_validator("recipe")
    @classmethod
    def _complete(cls, recipe: Recipe) -> Recipe:
        if not recipe.input.complete:
            raise ValueError("input: size, mean and std must all be there")
        return recipe

    @property
    def passed(self) -> bool:
        """True when every file of the recipe was made, and no runtime failed on any."""
        return not self.failed and all(artifact.verdict != "fail" for artifact in self.files)

    @property
    def files(self) -> tuple[Artifact | NpuArtifact, ...]:
        """The artifacts, and those compiled for chips."""
        return (*self.artifacts, *self.npu)


def write_manifest(manifest: Manifest, folder: Path) -> Manifest:
    """Writes ``folder/manifest.json`` atomically; the manifest with the hash of its content."""
    manifest = manifest.model_copy(update={"body_sha256": body_hash(manifest)})
    write_atomically(folder / MANIFEST_NAME, manifest.model_dump_json(indent=2) + "\n")
    return manifest


def body_hash(manifest: Manifest) -> str:
    """Hex SHA-256 of a manifest without ``body_sha256``."""
    return resume_key(manifest.model_dump(mode="json", exclude={"body_sha256"}))


def read_manifest(folder: Path) -> Manifest:
    """Reads a build's manifest.

    Raises:
        InputError: No folder, no manifest (not a finished build), or one this version cannot read.
    """
    path = folder / MANIFEST_NAME
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the folder of a finished build (it holds {MANIFEST_NAME})")
    if not path.exists():
        raise InputError(f"{folder}: no {MANIFEST_NAME}, so this is not a finished build; run convert again")
    data = read(member(folder, MANIFEST_NAME))
    try:
        return as_model(Manifest, upgraded(parse_json(data)))
    except InputError as error:
        reason = str(error)
    except (LookupError, TypeError, AttributeError) as error:  # of a damaged one of version 1
        reason = f"the file: {first_line(error)}"
    raise InputError(f"{path}: not a manifest of schema version {SCHEMA_VERSION}: {reason}")


def verify_hashes(manifest: Manifest, folder: Path) -> None:
    """Checks that every file of a build is the one the manifest describes.

    Raises:
        InputError: A file is missing or its SHA-256 differs; names all such files.
    """
    stored = [(a.file, a.sha256) for a in manifest.files]
    stored += [(s.file, s.sha256) for s in (manifest.reference, manifest.weights)]
    wrong = []
    for name, expected in stored:
        try:
            path = member(folder, name)
        except InputError as error:
            wrong.append(str(error))
            continue
        if (actual := sha256(path)) != expected:
            hashes = f"SHA-256 is {actual[:16]}…, the manifest says {expected[:16]}…"
            wrong.append(f"{path}: {hashes}: changed after the build")
    if wrong:
        raise InputError("\n".join(wrong))
