"""The report and the end table say everything, escape everything and need nothing from outside."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from mobile_robust.contracts.manifest import (
    Artifact,
    Layout,
    Manifest,
    Metrics,
    ParityResult,
    Placement,
    Provenance,
    Quantization,
    StoredFile,
    Tensor,
    Verdict,
)
from mobile_robust.contracts.precisions import PRECISIONS, Precision, Scope
from mobile_robust.contracts.recipe import BackboneSection, Recipe, Tolerance
from mobile_robust.contracts.targets import Target
from mobile_robust.contracts.tensors import Role
from mobile_robust.export.report import write_report
from mobile_robust.parity.table import render_table, tolerance_text, verdict_text, worst_text
from mobile_robust.reporting.text import bytes_text, count_text

FAILURE = (
    "output features is off at (2, 17, 40, 3): expected 0.8112, got 0.7405; a max_error of 9.1e-03 would have passed"
)
ERRORS: dict[Precision, float] = {"fp32": 4e-7, "fp16": 6e-4, "int8": 0.021, "int8w": 0.012, "pal6": 0.035}
IMAGES: dict[Scope, int] = {"module": 1, "pipeline": 34}
SNRS: dict[Precision, float] = {"fp32": 126.0, "fp16": 66.5, "int8": 33.1, "int8w": 41.7, "pal6": 29.4}
RUNTIMES: dict[Target, tuple[tuple[str, float], ...]] = {
    "tflite": (("litert_cpu", 1.0), ("litert_gpu", 1.7)),
    "coreml": (("coreml_mil", 1.2), ("coreml_device", 0.0)),
}


def result(scope: Scope, precision: Precision, runtime: str, factor: float, fail: bool) -> ParityResult:
    if not factor:
        return ParityResult(runtime=runtime, verdict="skipped", reason="Core ML runs on macOS only")
    error = ERRORS[precision] * factor * (13 if fail else 1)
    metrics = Metrics(
        max_abs_error=error * 3,
        max_error=error,
        mean_abs_error=error / 20,
        max_relative_error=error * 9,
        snr_db=None if (precision, runtime) == ("fp32", "coreml_mil") else SNRS[precision] - (22 if fail else 0),
        psnr_db=SNRS[precision] + 9,
        cosine=0.99999,
        worst_index=(2, 17, 40, 3),
        worst_expected=0.8112,
        worst_got=0.7405,
        top1_agreement=1 - error / 3 if scope == "pipeline" else None,
    )
    gpu = runtime.endswith("gpu")
    return ParityResult(
        runtime=runtime,
        verdict="fail" if fail else "pass",
        images=IMAGES[scope],
        tolerance=Tolerance(**PRECISIONS[precision].bounds[scope]),
        metrics={"features": metrics},
        placement=Placement(
            accelerator="gpu" if gpu else "cpu",
            total_ops=41,
            placed_ops=39 if fail and gpu else 41,
            left_over=("GATHER_ND", "CUSTOM") if fail and gpu else (),
        ),
        failures=(FAILURE,) if fail else (),
        seconds=1.5,
    )


def artifact(scope: Scope, target: Target, precision: Precision, size: int, fail: bool) -> Artifact:
    channels_last = target == "tflite"
    image = (1, 224, 224, 3) if channels_last else (1, 3, 224, 224)
    layout: Layout = "NHWC" if channels_last else "NCHW"
    quantization = Quantization(scale=0.0123, zero_point=-4) if precision == "int8" else None
    operations = {"CONV_2D": 29, "ADD": 9, "CONCATENATION": 2, "RESIZE_NEAREST_NEIGHBOR": 3}
    if precision == "int8":
        operations |= {"QUANTIZE": 2, "DEQUANTIZE": 1}
    if target == "coreml":
        operations = {"conv": 29, "add": 9, "concat": 2, "upsample_nearest_neighbor": 3, "const": 120}
    return Artifact(
        file=f"afd_resnet50_{precision}.{'tflite' if target == 'tflite' else 'mlpackage'}",
        target=target,
        precision=precision,
        sha256=f"{size:064x}",
        bytes=size,
        macs=356_000_000,
        parameters=117_664,
        operations=operations,
        inputs=(
            Tensor(
                name="image",
                role=Role.IMAGE,
                shape=image,
                dtype="float32",
                layout=layout,
                description="RGB photo, one value per channel and pixel",
                value_range=(0, 255),
            ),
            Tensor(
                name="features",
                role=Role.FEATURES,
                shape=(1, 112, 112, 64) if channels_last else (1, 64, 112, 112),
                dtype="float32",
                layout=layout,
                description="output of the stem of resnet50 for the same photo",
                normalization="none: exactly what the stem gives",
                quantization=quantization,
            ),
        ),
        outputs=(
            Tensor(
                name="repaired",
                role=Role.FEATURES,
                repairs="features",
                shape=(1, 112, 112, 64) if channels_last else (1, 64, 112, 112),
                dtype="float32",
                layout=layout,
                description="repaired features, to be given to the tail",
                quantization=quantization,
            ),
        ),
        parity=tuple(
            result(scope, precision, runtime, factor, fail and runtime == "litert_gpu")
            for runtime, factor in RUNTIMES[target]
        ),
    )


def manifest(scope: Scope = "module", fail: bool = False, label: str | None = "untrained: latency only") -> Manifest:
    sizes: dict[tuple[Target, Precision], int] = {
        ("tflite", "fp32"): 489_312,
        ("tflite", "fp16"): 256_040,
        ("tflite", "int8"): 151_208,
        ("coreml", "fp32"): 511_871,
        ("coreml", "fp16"): 270_113,
        ("coreml", "int8w"): 159_992,
        ("coreml", "pal6"): 122_004,
    }
    recipe = Recipe(
        name="afd_resnet50",
        title="AFD for ResNet-50",
        method="afd",
        scope=scope,
        options={"variant": "afd"},
        backbone=BackboneSection(name="resnet50", layer="act1"),
    )
    return Manifest(
        created="2025-05-11T09:30:12Z",
        fingerprint="ab" * 32,
        recipe=recipe,
        provenance=Provenance(
            weights="initial weights from seed 0",
            backbone="random weights from seed 0",
            calibration="32 crops of three photos that ship with scikit-learn and matplotlib",
            parity_images="4 crops of three photos that ship with scikit-learn and matplotlib",
            label=label,
        ),
        tools={"torch": "2.14.0", "litert-torch": "0.10.0", "coremltools": "9.0", "ai-edge-quantizer": "0.6.0"},
        machine="Linux x86_64, 2 cores, Python 3.11.7",
        seconds={"build": 2.1, "tflite": 21.4, "quantize": 3.3, "coreml": 18.9, "parity": 12.2, "report": 1.4},
        reference=StoredFile(file="reference.safetensors", sha256="1" * 64),
        weights=StoredFile(file="weights.safetensors", sha256="2" * 64),
        artifacts=tuple(artifact(scope, t, p, size, fail and p == "fp16") for (t, p), size in sizes.items()),
    )


def samples(built: Manifest) -> dict[tuple[str, str], np.ndarray]:
    random = np.random.default_rng(0)
    return {
        (made.file, check.runtime): np.abs(random.normal(0, m.max_error / 4, 4000)).clip(0, m.max_error)
        for made in built.artifacts
        for check in made.parity
        for m in check.metrics.values()
    }


class Page(HTMLParser):
    """Collects what the checks need: text, element names, attribute values; fails on unbalanced elements."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.text, self.attributes = "", list[tuple[str, str | None]]()
        self.open, self.seen = list[str](), set[str]()
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes += attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def page(built: Manifest, folder: Path, errors: dict[tuple[str, str], np.ndarray] | None = None) -> Page:
    path = write_report(built, folder, errors)
    assert path == folder / "report.html"
    return Page(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("scope", ["module", "pipeline"])
def test_the_page_holds_every_fact(tmp_path: Path, scope: Scope) -> None:
    built = manifest(scope)
    text = page(built, tmp_path, samples(built)).text
    for made in built.artifacts:
        assert made.file in text and made.sha256 in text and bytes_text(made.bytes) in text
        assert all(operation in text for operation in made.operations)
        assert all(t.name in text and t.description in text for t in (*made.inputs, *made.outputs))
    for fact in (*built.tools.values(), *built.seconds, built.provenance.weights, built.provenance.calibration):
        assert fact in text
    assert "untrained: latency only" in text and "✓ all 10 checks passed" in text
    assert "0.0123 × (q + 4)" in text and "1 × 224 × 224 × 3" in text and "0 … 255" in text
    assert "python -m mobile_robust.parity ." in text and "Core ML runs on macOS only" in text
    assert ("Top-1 agreement" in text) == (scope == "pipeline")
    compared = {"module": "1 image, 41 of 41 operations on the CPU", "pipeline": "34 images, 41 of 41 operations on"}
    assert compared[scope] in text


def test_the_page_needs_nothing_from_outside(tmp_path: Path) -> None:
    built = manifest()
    found = page(built, tmp_path, samples(built))
    assert not found.seen & {"script", "link", "img", "iframe"}
    links = [value for name, value in found.attributes if name in ("src", "href", "xlink:href")]
    assert all(str(value).startswith("#") for value in links)
    source = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "@import" not in source and not re.search(r"url\((?!#)", source)
    ids = [value for name, value in found.attributes if name == "id"]
    assert len(ids) == len(set(ids))


def test_a_failure_is_shown_in_full(tmp_path: Path) -> None:
    found = page(manifest(fail=True), tmp_path)
    assert "1 of 10 checks failed" in found.text and FAILURE in found.text
    assert "GATHER_ND, CUSTOM" in found.text and "39 of 41" in found.text


def test_without_samples_there_is_no_histogram(tmp_path: Path) -> None:
    assert "Spread of the errors" not in page(manifest(), tmp_path).text
    exact = {("afd_resnet50_fp32.tflite", "litert_cpu"): np.zeros(9)}
    assert "Spread of the errors" not in page(manifest(), tmp_path, exact).text


def test_everything_is_escaped(tmp_path: Path) -> None:
    evil = '<script>alert("x")</script>&'
    built = manifest(fail=True)
    first = built.artifacts[0]
    check = first.parity[0].model_copy(update={"runtime": evil, "failures": (evil,)})
    spoilt = first.model_copy(update={"file": evil, "operations": {evil: 1}, "parity": (check,)})
    provenance = built.provenance.model_copy(update={"label": evil, "weights": evil})
    built = built.model_copy(update={"artifacts": (spoilt,), "provenance": provenance, "tools": {evil: evil}})
    found = page(built, tmp_path, {(evil, evil): np.array([1e-7, 1e-6])})
    assert "script" not in found.seen and found.text.count(evil) > 8


@pytest.mark.parametrize("verdict", ["skipped", None])
def test_a_build_without_comparisons_still_has_a_page(tmp_path: Path, verdict: Verdict | None) -> None:
    built = manifest(label=None)
    checks = (ParityResult(runtime="litert_cpu", verdict=verdict, reason="not here"),) if verdict else ()
    made = built.artifacts[0].model_copy(update={"parity": checks})
    found = page(built.model_copy(update={"artifacts": (made,)}), tmp_path)
    assert "no check was made" in found.text and "Parity plots" not in found.text


def printed(built: Manifest, width: int = 140) -> str:
    console = Console(file=io.StringIO(), width=width)
    render_table(built, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_end_table_has_a_row_per_artifact_and_runtime() -> None:
    text = printed(manifest(fail=True))
    assert text.count("litert_cpu") == 3 and text.count("coreml_mil") == 4
    assert re.search(r"TFLite fp32 +489 kB +356 M +litert_cpu +4\.0e-07 +≤ 1e-05 +✓ pass", text)
    assert re.search(r"litert_gpu +1\.3e-02 +≤ 5e-03 +✗ fail", text)
    assert re.search(r"33\.1 dB +≥ 25 dB, repair ≥ 3 dB +✓ pass", text)
    assert FAILURE in " ".join(text.split()) and "untrained: latency only" in text
    assert text.rstrip().endswith("afd_resnet50: 1 of 10 checks failed")


def test_end_table_of_a_narrow_terminal_loses_no_text() -> None:
    assert "…" not in printed(manifest(fail=True), width=60)


def test_end_table_takes_brackets_literally() -> None:
    built = manifest(label="[bold]not markup[/]")
    assert "[bold]not markup[/]" in printed(built)


def test_numbers_are_short() -> None:
    assert [bytes_text(n) for n in (0, 999, 1000, 489_312, 14_200_000)] == [
        "0 bytes",
        "999 bytes",
        "1.00 kB",
        "489 kB",
        "14.2 MB",
    ]
    assert [count_text(n) for n in (12, 999_600, 356_000_000, 4_100_000_000)] == ["12", "1.00 M", "356 M", "4.10 G"]


def test_texts_follow_the_bounds_of_the_tolerance() -> None:
    check = result("pipeline", "int8", "litert_cpu", 1.0, False)
    assert (worst_text(check), tolerance_text(check.tolerance)) == ("99.3% top-1", "≥ 97.0% top-1")
    unbounded = check.model_copy(update={"tolerance": None})
    assert (worst_text(unbounded), tolerance_text(None)) == ("2.1e-02", "—")
    assert worst_text(check.model_copy(update={"metrics": {}})) == "—"
    assert verdict_text(manifest()) == "all 10 checks passed"
