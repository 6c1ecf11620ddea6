"""The report and the end table say everything, escape everything and need nothing from outside."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from mobile_robust.contracts.manifest import (
    Artifact,
    FailedFile,
    Manifest,
    Metrics,
    NpuArtifact,
    ParityResult,
    Placement,
    Provenance,
    Quantization,
    StoredFile,
    Tensor,
    Verdict,
)
from mobile_robust.contracts.overhead import Overhead
from mobile_robust.contracts.precisions import PRECISIONS, Precision, Scope
from mobile_robust.contracts.recipe import ArtifactsSection, BackboneSection, InputSection, Recipe, Tolerance
from mobile_robust.contracts.targets import Target
from mobile_robust.contracts.tensors import Role
from mobile_robust.export.error_plots import ErrorSamples
from mobile_robust.export.report import write_report
from mobile_robust.parity.table import markdown, render_table, tolerance_text, verdict_text, worst_text
from mobile_robust.reporting.text import bytes_text, count_text

FAILURE = "output repaired: worst at index [2, 17, 40, 3]: expected 0.8112, got 0.7405; max_error = 9e-03 would pass"
#: Precision -> largest error as a fraction of the range, SNR in dB.
MEASURED = {
    "fp32": (4e-7, None),
    "fp16": (6e-4, 66.5),
    "int8": (0.021, 33.1),
    "int8w": (0.012, 41.7),
    "pal6": (0.035, 29),
}
RUNTIMES = {"tflite": ("litert_cpu", "litert_gpu"), "coreml": ("coreml_mil", "coreml_device")}


def result(scope: Scope, precision: Precision, runtime: str, fail: bool = False) -> ParityResult:
    if runtime == "coreml_device":
        return ParityResult(runtime=runtime, verdict="skipped", reason="Core ML runs on macOS only")
    error, snr = MEASURED[precision]
    measured = {"max_abs_error": 3 * error, "max_error": 13 * error if fail else error, "mean_abs_error": error / 20}
    measured |= {"max_relative_error": 9 * error, "snr_db": snr, "psnr_db": snr, "cosine": 0.99999}
    measured |= {"worst_index": (2, 17, 40, 3), "worst_expected": 0.8112, "worst_got": 0.7405}
    top1 = 1 - error / 3 if scope == "pipeline" else None
    left = ("GATHER_ND", "CUSTOM") if fail else ()
    return ParityResult(
        runtime=runtime,
        verdict="fail" if fail else "pass",
        images=1 if scope == "module" else 34,
        tolerance=Tolerance(**PRECISIONS[precision].bounds[scope]),
        metrics={"repaired": Metrics(**measured, top1_agreement=top1)},
        placement=Placement(accelerator="cpu", total_ops=41, placed_ops=41 - len(left), left_over=left),
        failures=(FAILURE,) if fail else (),
    )


def tensor(name: str, role: Role, **more: Any) -> Tensor:
    fields = {"shape": (1, 224, 224, 3), "dtype": "float32", "layout": "NHWC", "description": f"{name}, in words"}
    return Tensor(name=name, role=role, **fields, **more)


def artifact(scope: Scope, target: Target, precision: Precision, fail: bool) -> Artifact:
    scale = Quantization(scale=0.0123, zero_point=-4) if precision == "int8" else None
    failing = "litert_gpu" if fail and precision == "fp16" else None
    return Artifact(
        file=f"small_{precision}.{target}",
        target=target,
        precision=precision,
        sha256=f"{target}{precision}",
        bytes=489_312 if precision == "fp32" else 122_004,
        macs=356_000_000,
        parameters=117_664,
        operations={"CONV_2D": 29, "ADD": 9} if target == "tflite" else {"conv": 29, "upsample": 3},
        inputs=(
            tensor("image", Role.IMAGE, value_range=(0, 255)),
            tensor("features", Role.FEATURES, normalization="exactly what the stem gives", quantization=scale),
        ),
        outputs=(tensor("repaired", Role.FEATURES, repairs="features"),),
        parity=tuple(result(scope, precision, runtime, runtime == failing) for runtime in RUNTIMES[target]),
    )


def manifest(scope: Scope = "module", fail: bool = False, label: str | None = "untrained: latency only") -> Manifest:
    backbone = BackboneSection(name="resnet50", layer="act1")
    image = InputSection(size=224, mean=(0.5,) * 3, std=(0.25,) * 3)
    recipe = Recipe(name="small", method="afd", scope=scope, backbone=backbone, input=image)
    origin = {"weights": "initial weights", "backbone": "random", "calibration": "32 crops", "parity_images": "4 crops"}
    return Manifest(
        created="2025-05-11T09:30:12Z",
        fingerprint="ab" * 32,
        recipe=recipe,
        provenance=Provenance(**origin, label=label),
        tools={"torch": "2.14.0", "coremltools": "9.0"},
        machine="Linux x86_64, 2 cores, Python 3.11.7",
        seconds={"build": 2.1, "parity": 12.2},
        reference=StoredFile(file="reference.safetensors", sha256="1" * 64),
        weights=StoredFile(file="weights.safetensors", sha256="2" * 64),
        artifacts=tuple(artifact(scope, *pair, fail) for pair in ArtifactsSection().pairs()),
    )


def samples(built: Manifest) -> ErrorSamples:
    random = np.random.default_rng(0)
    checks = [(made.file, check) for made in built.artifacts for check in made.parity if check.metrics]
    return {(file, check.runtime): random.random(500) * check.metrics["repaired"].max_error for file, check in checks}


class Page(HTMLParser):
    """Collects what the checks need: text, element names, attribute values; fails on unbalanced elements."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source, self.text, self.attributes = source, "", list[tuple[str, str | None]]()
        self.open, self.seen = list[str](), set[str]()
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes += attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def page(built: Manifest, folder: Path, errors: ErrorSamples | None = None) -> Page:
    path = write_report(built, folder, errors)
    assert path == folder / "report.html"
    return Page(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("scope", "compared"),
    [("module", "1 image, 41 of 41 operations on the CPU"), ("pipeline", "34 images, 41 of 41 operations on the CPU")],
)
def test_the_page_holds_every_fact(tmp_path: Path, scope: Scope, compared: str) -> None:
    built = manifest(scope)
    text = page(built, tmp_path, samples(built)).text
    for made in built.artifacts:
        assert made.file in text and made.sha256 in text and bytes_text(made.bytes) in text
        assert all(operation in text for operation in made.operations)
        assert all(t.name in text and t.description in text for t in (*made.inputs, *made.outputs))
    for fact in (*built.tools.values(), *built.seconds, built.provenance.weights, built.provenance.calibration):
        assert fact in text
    assert "untrained: latency only" in text and "✓ 10 checks passed, 4 skipped" in text
    assert "0.0123 × (q + 4)" in text and "1 × 224 × 224 × 3" in text and "0 … 255" in text
    assert "mobile-robust parity ." in text and "Core ML runs on macOS only" in text
    assert ("Top-1 agreement" in text) == (scope == "pipeline") and compared in text


def test_the_page_needs_nothing_from_outside(tmp_path: Path) -> None:
    found = page(manifest(), tmp_path, samples(manifest()))
    assert not found.seen & {"script", "link", "img", "iframe"}
    links = [value for name, value in found.attributes if name in ("src", "href", "xlink:href")]
    assert all(str(value).startswith("#") for value in links)
    assert "@import" not in found.source and not re.search(r"url\((?!#)", found.source)
    ids = [value for name, value in found.attributes if name == "id"]
    assert len(ids) == len(set(ids))


def test_a_failure_is_shown_in_full(tmp_path: Path) -> None:
    text = page(manifest(fail=True), tmp_path).text
    for said in ("1 of 10 checks failed", FAILURE, "GATHER_ND, CUSTOM", "39 of 41"):
        assert said in text


def test_a_file_that_could_not_be_made_is_listed_with_its_reason(tmp_path: Path) -> None:
    missing = FailedFile(target="coreml", precision="fp16", reason="coremltools cannot: <alias>")
    built = manifest().model_copy(update={"failed": (missing,)})
    text, end = page(built, tmp_path).text, printed(built)
    assert not built.passed and "Core ML fp16 could not be made coremltools cannot: <alias>" in text
    assert re.search(r"Core ML fp16 +— +not made +✗ fail", end)
    assert "Core ML fp16 could not be made: coremltools cannot: <alias>" in end
    for said in (text, end):
        assert "1 file could not be made, 10 checks passed, 4 skipped" in said


def test_operations_that_are_left_over_are_counted(tmp_path: Path) -> None:
    built = manifest()
    first = built.artifacts[0]
    left = ("RESHAPE -> a", "CAST -> b", "RESHAPE -> c")
    placed = Placement(accelerator="gpu", total_ops=41, placed_ops=38, left_over=left)
    check = first.parity[0].model_copy(update={"placement": placed})
    built = built.model_copy(update={"artifacts": (first.model_copy(update={"parity": (check,)}),)})
    assert "2 RESHAPE, CAST" in page(built, tmp_path).text


def test_a_failure_of_a_compiled_file_is_one_of_the_build(tmp_path: Path) -> None:
    facts = {"sha256": "3" * 64, "bytes": 200_000, "operations": 38, "litert": "2.3.0", "qairt": "2.51.0"}
    built = manifest()
    for fail in (False, True):
        (parity,) = [result("module", "int8", "snapdragon_npu:SM8650", fail)]
        file = NpuArtifact(
            file="x_SM8650.tflite", chip="SM8650", source="x.tflite", needs="a <phone>", parity=(parity,), **facts
        )
        found = built.model_copy(update={"npu": (file,)})
        text, end = page(found, tmp_path).text, printed(found)
        assert found.passed != fail and "Compiled for NPUs" in text and "Needs a <phone>." in text
        assert "LiteRT 2.3.0 and Qualcomm's QAIRT 2.51.0" in text
        assert f"Allowed: {tolerance_text(parity.tolerance)}." in text
        assert (FAILURE in text and "x_SM8650.tflite on snapdragon_npu:SM8650" in end) == fail
    assert "1 of 11 checks failed" in text and "Compiled for NPUs" not in page(built, tmp_path).text


def test_a_compiled_file_in_a_narrow_terminal() -> None:
    facts = {"sha256": "3" * 64, "bytes": 200_000, "operations": 38, "litert": "2.3.0", "qairt": "2.51.0"}
    first = result("pipeline", "int8", "snapdragon_npu:SM8650")
    parity = (first, first.model_copy(update={"against": "litert_cpu"}))
    file = NpuArtifact(
        file="x_SM8650.tflite", chip="SM8650", source="x.tflite", needs="a phone", parity=parity, **facts
    )
    lines = printed(manifest("pipeline").model_copy(update={"npu": (file,)}), width=80).splitlines()
    start = next(number for number, line in enumerate(lines) if "snapdragon_npu" in line)
    assert lines[start].split()[:2] == ["TFLite", "int8"] and lines[start + 1].split()[0] == "SM8650"
    assert any(line.strip().startswith("vs litert_cpu ") for line in lines[start:])
    assert worst_text(first).split()[0] in lines[start], "what was measured is shown"
    assert any("tolerance" in line for line in lines), "and no title is broken"


def test_a_table_of_markdown_over_builds() -> None:
    lines = markdown([manifest(), manifest("pipeline", fail=True)]).splitlines()
    assert lines[0] == "| file | on | operations placed | max error | SNR | top-1 | photos | verdict |"
    assert "| small_int8.tflite | litert_cpu | 41 of 41 | 2.1e-02 | 33.1 dB | — | 1 | pass |" in lines
    assert "| small_fp16.tflite | litert_gpu | 39 of 41 | 7.8e-03 | 66.5 dB | 100.0% | 34 | fail |" in lines
    assert len(lines) == 2 + 2 * 10


def test_without_samples_there_is_no_histogram(tmp_path: Path) -> None:
    for exact in (None, {("small_fp32.tflite", "litert_cpu"): np.zeros(9)}):
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
    file = io.StringIO()
    render_table(built, Console(file=file, width=width))
    return file.getvalue()


def test_end_table_has_a_row_per_artifact_and_runtime() -> None:
    text = printed(manifest(fail=True))
    assert text.count("litert_cpu") == 3 and text.count("coreml_mil") == 4
    assert re.search(r"TFLite fp32 +489 kB +356 M +litert_cpu +4\.0e-07 +≤ 1e-05 +✓ pass", text)
    assert re.search(r"litert_gpu +7\.8e-03 +≤ 5e-03 +✗ fail", text)
    assert re.search(r"33\.1 dB +≥ 25 dB, repair ≥ 3 dB +✓ pass", text)
    assert "photos compared: fp32, fp16, int8, int8w, pal6: 1\n" in text
    assert FAILURE in " ".join(text.split()) and "untrained: latency only" in text
    assert text.rstrip().endswith("small: 1 of 10 checks failed, 4 skipped")


def test_what_is_doubtful_and_who_says_what_the_image_is_are_shown(tmp_path: Path) -> None:
    built = manifest()
    doubts = {"warnings": ("photos <dark>", "few photos"), "input": "size, mean, std: timm resnet50.a1_in1k"}
    built = built.model_copy(update={"provenance": built.provenance.model_copy(update=doubts)})
    page, table = write_report(built, tmp_path).read_text(), printed(built)
    for text in ("few photos", "size, mean, std: timm resnet50.a1_in1k"):
        assert text in page and text in table
    assert "photos &lt;dark&gt;" in page and "warning: photos <dark>" in table


def test_what_the_module_adds_to_its_backbone_is_in_table_and_page(tmp_path: Path) -> None:
    cost = Overhead(macs=48_000_000, parameters=31_100, backbone_macs=300_000_000, backbone_parameters=3_490_000)
    built = manifest().model_copy(update={"overhead": cost})
    said = "The module adds 48.0 M multiply-accumulates (+16%) and 31.1 k parameters (124 kB in fp32, 31.1 kB in int8)"
    assert said in " ".join(printed(built).split()) and said in write_report(built, tmp_path).read_text()
    assert "bare backbone" not in printed(manifest()) + write_report(manifest(), tmp_path).read_text()


def test_end_table_loses_no_text_in_a_narrow_terminal_and_takes_brackets_literally() -> None:
    assert "…" not in printed(manifest(fail=True), width=60)
    assert "[bold]not markup[/]" in printed(manifest(label="[bold]not markup[/]"))


def test_numbers_are_short() -> None:
    sizes = {0: "0 bytes", 999: "999 bytes", 1000: "1.00 kB", 489_312: "489 kB", 14_200_000: "14.2 MB"}
    assert list(map(bytes_text, sizes)) == list(sizes.values())
    counts = {12: "12", 999_600: "1.00 M", 356_000_000: "356 M", 4_100_000_000: "4.10 G"}
    assert list(map(count_text, counts)) == list(counts.values())


def test_texts_follow_the_bounds_of_the_tolerance() -> None:
    check = result("pipeline", "int8", "litert_cpu")
    assert (worst_text(check), tolerance_text(check.tolerance)) == ("99.3% top-1", "≥ 97.0% top-1")
    unbounded = check.model_copy(update={"tolerance": None})
    assert (worst_text(unbounded), tolerance_text(None)) == ("2.1e-02", "—")
    assert worst_text(check.model_copy(update={"metrics": {}})) == "—"
    counted = check.metrics["repaired"].model_copy(update={"top1_agreement": 0.9412, "top1_interval": (0.809, 0.984)})
    assert worst_text(check.model_copy(update={"metrics": {"logits": counted}})) == "94.1% (81 to 98%) top-1"
    assert verdict_text(manifest()) == "10 checks passed, 4 skipped"
    tflite = [made for made in manifest().artifacts if made.target == "tflite"]
    assert verdict_text(manifest().model_copy(update={"artifacts": tflite})) == "all 6 checks passed"
    one = tflite[0].model_copy(update={"parity": tflite[0].parity[:1]})
    assert verdict_text(manifest().model_copy(update={"artifacts": (one,)})) == "1 check passed"
