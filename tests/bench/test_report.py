"""The report: one table in four forms, the paper beside it, and no comparison without a warning that needs one."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from mobile_robust.bench.comparability import warnings
from mobile_robust.bench.report import read_all, write
from mobile_robust.bench.table import Summary, print_table, tabulate
from mobile_robust.contracts.result import App, ErrorRecord, Pairs, Result, Run, RuntimeVersion
from mobile_robust.errors import InputError
from tests.bench.fakes import MODELS, WHEN, device, digest, protocol, result, run, written
from tests.export.test_report import Page

TWO = ("resnet50", "afd_resnet50")


def report(folder: Path, *results: Result, base: str | None = None, scores: tuple[Path, ...] = ()) -> dict[str, str]:
    """The files by suffix."""
    paths = [written(folder, each, f"result{i}.json") for i, each in enumerate(results)]
    files = write(paths, folder / "out", base=base, scores=scores).files
    assert {path.name for path in files} == {"report.html", "table.md", "table.csv", "report.json"}
    return {path.suffix: path.read_text() for path in files}


@pytest.fixture(scope="module")
def whole() -> Result:
    runs = [run(name, precision, on) for name in MODELS for precision in ("fp32", "int8") for on in ("cpu", "gpu")]
    return result(tuple(runs))


def rows_of(markdown: str) -> dict[tuple[str, str], dict[str, str]]:
    """(model, precision) -> title -> cell; of titles that come twice the later is the paper's."""
    lines = [re.split(r"\s*\|\s*", line.strip().strip("|").strip()) for line in markdown.splitlines() if "|" in line]
    head = [title if lines[0].index(title) == i else f"paper: {title}" for i, title in enumerate(lines[0])]
    return {(line[0], line[1]): dict(zip(head, line, strict=False)) for line in lines[2:]}


def test_paired_ratios_stand_beside_the_others(tmp_path: Path) -> None:
    base, afd, other = (run(name) for name in ("resnet50", "afd_resnet50", "arcnn"))
    pairs = Pairs(base="resnet50", base_sha256=base.sha256, samples_ns=((70_000, 1_000_000), (72_000, 1_000_000)))
    files = report(tmp_path, result((base, afd.model_copy(update={"pairs": pairs}), other)))
    rows = rows_of(files[".md"])
    assert rows["AFD-Module for ResNet-50", "fp32"]["CPU paired"] == "0.071 ± 0.001"
    assert rows["ResNet-50", "fp32"]["CPU paired"] == rows["AR-CNN", "fp32"]["CPU paired"] == ""
    assert "took turns in one process, median" in files[".md"]
    (record,) = [r for r in csv.DictReader(files[".csv"].splitlines()) if r["name"] == "afd_resnet50"]
    assert float(record["paired_ratio"]) == pytest.approx(0.071)
    assert "CPU paired" not in report(tmp_path, result((base, afd)))[".md"]


def test_the_table_has_the_figures_of_the_samples_and_the_papers(tmp_path: Path, whole: Result) -> None:
    files = report(tmp_path, whole)
    afd = rows_of(files[".md"])["AFD-Module for ResNet-50", "fp32"]
    assert (afd["parameters"], afd["MACs"], afd["floor"]) == ("101 k", "263 M", "0.064")
    assert re.fullmatch(r"4\.\d\d ± 0\.\d\d", afd["CPU ms"]) and re.fullmatch(r"0\.07\d ± 0\.00\d", afd["CPU ratio"])
    assert (afd["paper: parameters"], afd["paper: MACs"]) == ("110 k", "360 M")
    assert (afd["paper: CPU ms"], afd["paper: GPU ms"]) == ("54", "58")
    assert (afd["paper: CPU ratio"], afd["paper: GPU ratio"]) == ("0.409", "0.426")
    assert "to resnet50 (the default)" in files[".md"]
    records = {(r["name"], r["precision"], r["requested"]): r for r in csv.DictReader(files[".csv"].splitlines())}
    assert len(records) == 16
    samples = [s / 1e6 for r in whole.runs[0].repetitions for s in r.samples_ns]
    mine = records["resnet50", "fp32", "cpu"]
    assert float(mine["mean_ms"]) == pytest.approx(sum(samples) / len(samples))
    assert mine["memory_bytes"] == "12500000" and mine["ratio"] == "1.0" and mine["first_inference_ms"] == "120.0"
    document = json.loads(files[".json"])
    assert document["runs"][0]["mean_ms"] == float(mine["mean_ms"])
    assert all(len(r["by_repetition"]) == 10 for r in document["runs"])
    assert document["results"][0]["protocol"]["repetitions"] == 10


def test_ratios_are_to_the_base_in_the_same_precision(whole: Result) -> None:
    summary = tabulate([whole], "arcnn")
    assert (summary.base, summary.why) == ("arcnn", "as asked for")
    for row in summary.rows:
        if row.name == "arcnn":
            assert all(cell and cell.ratio and cell.ratio.value == 1 for cell in row.cells)
    only_fp32 = tabulate([result((run("resnet50"), run("afd_resnet50", "int8")))], None)
    assert only_fp32.rows[1].cells[0].ratio is None
    assert tabulate([result((run("arcnn"), run("afd_resnet50")))], None).base == "arcnn"
    with pytest.raises(InputError, match="unknown recipe for --base 'x'; known: afd_mobilenetv2_pipeline, "):
        tabulate([whole], "x")
    with pytest.raises(InputError, match="no result holds a run"):
        tabulate([result(())], None)


def test_the_page_is_whole_and_stands_alone(tmp_path: Path) -> None:
    named = result((run("resnet50").model_copy(update={"title": "<b>&", "label": "untrained: latency only"}),))
    text = report(tmp_path, named, steady(*TWO))[".html"]
    page = Page(text)
    assert not {"script", "link", "iframe", "img"} & page.seen and "&lt;b&gt;&amp;" in text and "<b>&" not in text
    for name, value in page.attributes:
        assert name not in ("src", "srcset") and not (name.endswith("href") and not (value or "").startswith("#"))
    assert text.count("<svg") == 2 and "untrained: latency only" in text
    assert "RNAN" in text and "is a fraction of the published network" not in re.sub("<details.*?</details>", "", text)


@pytest.mark.slow
def test_accuracy_is_plotted_where_there_is_some(tmp_path: Path, whole: Result) -> None:
    def score(corruption: str, regained: float | None) -> dict:
        ends = {"regained_low": None, "regained_high": 0.5}
        return {**model, "corruption": corruption, "regained": regained, **ends}

    model = {"group": "b/afd_mobilenetv2_pipeline", "model": "fp32.tflite", "runtime": "litert_cpu"}
    (measured,) = {run.sha256 for run in whole.runs if run.artifact == "afd_mobilenetv2_pipeline_fp32.tflite"}
    path, other = tmp_path / "scores.json", tmp_path / "other.json"
    scores = [score("clean", None), score("jpeg", 0.3), score("all", 0.41)]
    path.write_text(json.dumps({"models": [{**model, "sha256": measured}], "scores": scores}))
    other.write_text(json.dumps({"models": [{**model, "sha256": "0" * 64}], "scores": scores}))
    files = report(tmp_path, whole, scores=(path,))
    assert files[".html"].count("<svg") == 3 and "Of the accuracy lost to jpeg" in files[".html"]
    records = {(r["artifact"], r["requested"]): r["regained"] for r in csv.DictReader(files[".csv"].splitlines())}
    assert records["afd_mobilenetv2_pipeline_fp32.tflite", "gpu"] == "0.41"
    assert records["afd_mobilenetv2_pipeline_int8.tflite", "cpu"] == ""
    assert "scores other files" not in files[".html"]
    files = report(tmp_path, whole, scores=(other,))
    assert files[".html"].count("<svg") == 2 and "other.json: scores other files than these results" in files[".html"]
    for content in ("", "[]", '{"scores": [{}], "models": []}', '{"scores": [], "models": [{}]}'):
        path.write_text(content)
        with pytest.raises(InputError, match=r"--scores .*scores.json: not a scores.json of evaluate"):
            report(tmp_path, whole, scores=(path,))
    with pytest.raises(InputError, match="cannot be read: No such file"):
        report(tmp_path, whole, scores=(tmp_path / "gone",))


def cautions(*results: Result) -> list[str]:
    return warnings([(Path(f"result{i}.json"), each) for i, each in enumerate(results)])


def steady(*names: str, **changes: object) -> Result:
    """A result that nothing needs to be said about."""
    how = protocol(2, **changes)
    return result(tuple(run(name, how=how) for name in names), how)


def test_devices_stand_side_by_side_without_a_warning_where_all_is_alike() -> None:
    phone = steady(*TWO).model_copy(update={"device": device("Phone")})
    assert cautions(steady(*TWO), phone) == []
    summary = tabulate([steady(*TWO), phone], None)
    assert [summary.column_title(column) for column in summary.columns] == ["Host 1 CPU", "Phone CPU"]
    assert all(cell and cell.latency for row in summary.rows for cell in row.cells)
    assert tabulate([steady(*TWO), steady(*TWO)], None).devices == ("Host 1 #1", "Host 1 #2")


def on_iphone(*names: str) -> Result:
    """Of packages, on all of Core ML's compute units."""

    def of_core_ml(made: Run) -> Run:
        runtime = RuntimeVersion(name=f"coreml_{made.requested}", version="system")
        file = {"artifact": made.artifact.replace(".tflite", ".mlpackage"), "sha256": digest(made.sha256)}
        return made.model_copy(update={**file, "runtime": runtime, "requested": made.requested})

    how = protocol(2)
    runs = [of_core_ml(run(name, "fp32", unit, how)) for name in names for unit in ("cpu", "gpu", "npu", "all")]
    app = App(platform="ios", name="org.mobilerobust.bench", version="0.1.0")
    return result(tuple(runs), how).model_copy(update={"app": app, "device": device("Apple iPhone15,2")})


def test_an_iphone_stands_beside_an_android_phone(tmp_path: Path) -> None:
    how = protocol(2, threads=4)
    runs = tuple(run(name, "fp32", unit, how) for name in TWO for unit in ("cpu", "gpu"))
    android = result(runs, how).model_copy(update={"device": device("Phone")})
    iphone = on_iphone(*TWO)
    assert cautions(android, iphone) == []  # Core ML takes no number of threads
    files = report(tmp_path, android, iphone)
    row = rows_of(files[".md"])["AFD-Module for ResNet-50", "fp32"]
    titles = ["Phone CPU", "Phone GPU", *(f"Apple iPhone15,2 {unit}" for unit in ("CPU", "GPU", "NPU", "all units"))]
    assert all(re.fullmatch(r"\d\.\d\d ± 0\.\d\d", row[f"{title} ms"]) for title in titles)
    assert all(row[f"{title} ratio"].startswith("0.0") for title in titles)
    page = re.sub(r"<[^>]+>", "|", files[".html"])
    beside = page[page.index("Beside the paper") : page.index("Rows of the paper that are not here")]
    for title in ("Phone CPU ratio", "Apple iPhone15,2 CPU ratio", "paper's CPU ratio", "Apple iPhone15,2 GPU ratio"):
        assert title.replace("'", "&#x27;") in beside or title in beside
    assert "0.409" in beside and "NPU" not in beside and "Ours: Phone, Apple iPhone15,2." in beside
    threads = [facts.split("threads")[1][:12] for facts in page.split("Measured on ")[1:] if "threads" in facts]
    assert len(threads) == 1 and "4" in threads[0]


def test_mixed_results_are_warned_of() -> None:
    one = steady(*TWO)
    (protocols,) = cautions(one, steady(*TWO, threads=4))
    assert "result1.json was measured by another protocol than" in protocols and "threads: 1 against 4" in protocols
    (order,) = cautions(steady(*TWO, interleaved=False))
    assert "one after the other, so its ratios are not free of drift" in order
    other = one.runs[0].model_copy(update={"sha256": digest("other")})
    (files,) = cautions(one, one.model_copy(update={"runs": (other,)}))
    assert files.startswith("resnet50_fp32.tflite is not the same file: SHA-256 ")
    inputs = one.runs[0].model_copy(update={"inputs_sha256": digest("other")})
    (said,) = cautions(one, one.model_copy(update={"runs": (inputs,)}))
    assert "was given other inputs in" in said
    short = one.runs[1].model_copy(update={"repetitions": one.runs[1].repetitions[:1]})
    said = cautions(one.model_copy(update={"runs": (one.runs[0], short), "complete": False}))
    assert "is not complete" in said[0]
    assert said[1].endswith("afd_resnet50_fp32.tflite on litert_cpu: 1 of 2 repetitions")


def test_an_unsteady_device_and_an_error_are_warned_of_in_every_form(tmp_path: Path) -> None:
    how = protocol(10, 100)
    record = ErrorRecord(when=WHEN, where="load", message="the GPU engine refuses BITWISE_XOR")
    nothing = {"actual": None, "load_ns": None, "first_inference_ns": None, "repetitions": (), "errors": (record,)}
    failed = run("arcnn", "fp32", "gpu").model_copy(update=nothing)
    files = report(tmp_path, result((run("resnet50", how=how), failed), how))
    error, unsteady = json.loads(files[".json"])["warnings"]
    assert error.endswith("arcnn_fp32.tflite on litert_gpu: load: the GPU engine refuses BITWISE_XOR")
    assert "was not steady: of 1 of 2 models" in unsteady
    for caution in (error, unsteady):
        assert f"> **Warning:** {caution}" in files[".md"] and f"<li>{caution}</li>" in files[".html"]
    assert "Before you compare" in files[".html"]
    arcnn = rows_of(files[".md"])["AR-CNN", "fp32"]
    assert arcnn["GPU ms"] == "error" and arcnn["CPU ms"] == ""


def test_another_schema_version_is_left_out_with_a_warning(tmp_path: Path) -> None:
    written(tmp_path, steady(*TWO), "one.json")
    newer = tmp_path / "newer.json"
    newer.write_text((tmp_path / "one.json").read_text().replace('"schema_version":1', '"schema_version":2'))
    found, skipped = read_all([tmp_path / "one.json", newer])
    assert len(found) == 1 and "newer.json: a result of schema version 2" in skipped[0]
    with pytest.raises(InputError, match="schema version 2; this program knows version 1"):
        read_all([newer])


@pytest.mark.parametrize("width", [80, 120, 250])
def test_the_terminal_shows_every_figure_it_has_room_for(whole: Result, width: int) -> None:
    console = Console(record=True, width=width)
    summary: Summary = tabulate([whole], None)
    print_table(summary, console)
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= width
    assert ("paper:" in text) == (width == 250) and ("parameters" in text) == (width >= 120)
    assert all(f"{row.cells[0].ratio.value:.3f}" in text for row in summary.rows)


@pytest.mark.slow
def test_a_table_of_several_devices_is_printed_in_pieces_that_show_every_model(whole: Result) -> None:
    console = Console(record=True, width=80)
    phones = [whole.model_copy(update={"device": device(f"Phone {i}")}) for i in range(3)]
    print_table(tabulate(phones, None), console)
    text = console.export_text()
    assert text.count("afd_resnet50 fp32") > 1 and text.count("4.83 ± 0.18") == 3
    assert max(map(len, text.splitlines())) <= 80
