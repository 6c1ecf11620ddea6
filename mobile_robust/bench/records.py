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
    found = []
    for row in summary.rows:
        for (number, _), cell in zip(summary.columns, row.cells, strict=True):
            if cell is not None:
                device = summary.devices[number]
                found.append({"device": device, **_record(row, cell, summary.base, recovered.get(cell.run.sha256))})
    return found


def _record(row: Row, cell: Cell, base: str, recovered: Recovered | None) -> dict[str, Any]:
    run, measured, ratio, paper = cell.run, cell.latency, cell.ratio, row.paper
    return {
        "name": row.name,
        "precision": row.precision,
        "artifact": run.artifact,
        "sha256": run.sha256,
        "runtime": run.runtime.name,
        "runtime_version": run.runtime.version,
        "requested": run.requested,
        "arithmetic": run.arithmetic,
        "actual": run.actual.accelerator if run.actual else None,
        "placed_ops": run.actual.placed_ops if run.actual else None,
        "total_ops": run.actual.total_ops if run.actual else None,
        "parameters": row.parameters,
        "macs": row.macs,
        "load_ms": in_ms(run.load_ns),
        "first_inference_ms": in_ms(run.first_inference_ns),
        "memory_bytes": memory(run),
        "repetitions": len(run.repetitions),
        "mean_ms": measured.mean.value if measured else None,
        "mean_low_ms": measured.mean.low if measured else None,
        "mean_high_ms": measured.mean.high if measured else None,
        "p50_ms": measured.samples.p50 if measured else None,
        "p90_ms": measured.samples.p90 if measured else None,
        "p99_ms": measured.samples.p99 if measured else None,
        "deviation_ms": measured.samples.deviation if measured else None,
        "base": base,
        "ratio": ratio.value if ratio else None,
        "ratio_low": ratio.low if ratio else None,
        "ratio_high": ratio.high if ratio else None,
        "floor": row.floor,
        "regained": recovered.fraction.value if recovered else None,
        "paper_parameters": paper.parameters if paper else None,
        "paper_macs": paper.macs if paper else None,
        "paper_cpu_ms": paper.cpu_ms if paper else None,
        "paper_gpu_ms": paper.gpu_ms if paper else None,
        "paper_cpu_ratio": paper.cpu_ratio if paper else None,
        "paper_gpu_ratio": paper.gpu_ratio if paper else None,
        "label": run.label,
        "error": "; ".join(f"{error.where}: {error.message}" for error in run.errors) or None,
    }


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
    measured = [cell.latency for row in summary.rows for cell in row.cells if cell]
    spreads = [[asdict(spread) for spread in each.repetitions] if each else [] for each in measured]
    return {
        "base": summary.base,
        "warnings": list(cautions),
        "results": [
            {
                "file": path.name,
                "created": result.created,
                "app": result.app.model_dump(),
                "device": result.device.model_dump(),
                "protocol": result.protocol.model_dump(),
            }
            for path, result in results
        ],
        "runs": [{**record, "by_repetition": each} for record, each in zip(rows, spreads, strict=True)],
    }
