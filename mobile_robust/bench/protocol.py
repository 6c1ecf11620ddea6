"""How latency is measured: the protocol of AFD-Module with warm-up, cool-down, pinning and interleaving."""

from __future__ import annotations

from collections.abc import Sequence

from mobile_robust.bench.host import machine as device
from mobile_robust.contracts.result import Inputs, Protocol
from mobile_robust.errors import InputError

#: Before every repetition, whichever is longer.
WARM_UP_SECONDS, WARM_UP_RUNS = 1.0, 5


def make_protocol(
    inputs: Inputs, repetitions: int, threads: int, pin: Sequence[int] | None, cool_down: float
) -> Protocol:
    """The protocol of this host; for ``pin`` and the rest see :func:`~mobile_robust.bench.run.benchmark`.

    Raises:
        InputError: A core this process may not use, or more threads than cores.
    """
    allowed = device.allowed_cpus()
    if pin is None:
        chosen = device.fastest_cpus(threads)
        cpus = tuple(chosen) if chosen else None
    else:
        if pin and allowed is None:
            raise InputError("--pin: this system cannot keep a process on some cores")
        if wrong := [str(cpu) for cpu in pin if cpu not in (allowed or ())]:
            raise InputError(f"--pin {' '.join(wrong)}: allowed are the cores {', '.join(map(str, allowed or ()))}")
        if pin and len(set(pin)) < threads:
            raise InputError(f"--pin: {threads} threads need as many cores, got {len(set(pin))}")
        cpus = tuple(sorted(set(pin))) or None
    return Protocol(
        warm_up_seconds=WARM_UP_SECONDS,
        warm_up_runs=WARM_UP_RUNS,
        repetitions=repetitions,
        threads=threads,
        pinned_cpus=cpus,
        cool_down_seconds=cool_down,
        interleaved=True,
        inputs=inputs,
    )


def differences(first: Protocol, second: Protocol) -> list[str]:
    """What two protocols do not share, as "field: value against value"."""
    ours, theirs = (
        {**p.model_dump(), "inputs": f"{p.inputs.count} of SHA-256 {p.inputs.sha256[:16]}…"} for p in (first, second)
    )
    return [f"{name}: {ours[name]} against {theirs[name]}" for name in ours if ours[name] != theirs[name]]
