"""The report for programs: every run as a flat record, in CSV and in JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mobile_robust.bench.accuracy import Recovered
from mobile_robust.bench.table import Cell, Row, Summary
from mobile_robust.contracts.result import Result, Run

Results = Sequence[tuple[Path, Result]]


def records(summary: Summary, recovered: Mapping[str, Recovered]) -> list[dict[str, Any]]:
    """A flat record a run, the same keys in each."""
    return [
        {
            "device": summary.devices[number],
            **_record(row, cell, summary.base, recovered.get(cell.run.sha256)),
        }
        for row, (number, _), cell in summary.cells()
    ]


def _record(row: Row, cell: Cell, base: str, recovered: Recovered | None) -> dict[str, Any]:
    run, measured = cell.run, cell.latency
    return {
        "name": row.name,
        "precision": row.precision,
        "artifact": run.artifact,
        "sha256": run.sha256,
        "runtime": run.runtime.name,
        "runtime_version": run.runtime.version,
        "requested": run.requested,
        "arithmetic": run.arithmetic,
        **_values(run.actual, actual="accelerator", placed_ops="placed_ops", total_ops="total_ops"),
        "parameters": row.parameters,
        "macs": row.macs,
        "load_ms": in_ms(run.load_ns),
        "first_inference_ms": in_ms(run.first_inference_ns),
        "memory_bytes": memory(run),
        "repetitions": len(run.repetitions),
        **_values(measured and measured.mean, mean_ms="value", mean_low_ms="low", mean_high_ms="high"),
        **_values(measured and measured.samples, p50_ms="p50", p90_ms="p90", p99_ms="p99", deviation_ms="deviation"),
        "base": base,
        **_values(cell.ratio, ratio="value", ratio_low="low", ratio_high="high"),
        **_values(cell.paired, paired_ratio="value", paired_ratio_low="low", paired_ratio_high="high"),
        "floor": row.floor,
        "regained": recovered.fraction.value if recovered else None,
        **_values(row.paper, paper_parameters="parameters", paper_macs="macs"),
        **_values(row.paper, paper_cpu_ms="cpu_ms", paper_gpu_ms="gpu_ms"),
        **_values(row.paper, paper_cpu_ratio="cpu_ratio", paper_gpu_ratio="gpu_ratio"),
        "label": run.label,
        "error": "; ".join(f"{error.where}: {error.message}" for error in run.errors) or None,
    }


def _values(thing: object | None, **attributes: str) -> dict[str, Any]:
    """Attributes of a thing, by key of the record; None where there is no thing."""
    return {key: getattr(thing, name) if thing else None for key, name in attributes.items()}


def in_ms(nanoseconds: int | None) -> float | None:
    """Nothing of nothing."""
    return None if nanoseconds is None else nanoseconds / 1e6


def memory(run: Run) -> int | None:
    """Bytes that loading and the first inference took."""
    if run.peak_memory_bytes is None or run.baseline_memory_bytes is None:
        return None
    return max(0, run.peak_memory_bytes - run.baseline_memory_bytes)


def as_document(
    results: Results, summary: Summary, cautions: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The records with every repetition's figures, and what they were measured with."""
    measured = [cell.latency for _, _, cell in summary.cells()]
    spreads = [[asdict(spread) for spread in each.repetitions] if each else [] for each in measured]
    return {
        "base": summary.base,
        "warnings": list(cautions),
        "results": [
            {"file": path.name, **result.model_dump(include={"created", "app", "device", "protocol"})}
            for path, result in results
        ],
        "runs": [{**record, "by_repetition": each} for record, each in zip(rows, spreads, strict=True)],
    }
