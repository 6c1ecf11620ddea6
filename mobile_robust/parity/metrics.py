"""How far an output is from its reference, and the sentence that says where it is too far.

With e = expected, g = got, d = |g - e|, everything in float64, and the range r = max(e) - min(e) over all images
(of a constant reference: max |e|; of an all-zero one: 1):

==================  ==========================================================================
max_abs_error       max d
max_error           max d / r
mean_abs_error      mean d
max_relative_error  max (d / max(|e|, 1e-3 r))
snr_db              10 log10(sum e^2 / sum d^2)
repair_snr_db       10 log10(sum (e - u)^2 / sum d^2) with u = unrepaired: 0 is no better than doing nothing
psnr_db             20 log10(r / sqrt(mean d^2)): the range is the peak
cosine              e.g / (|e| |g|); 1 where both are all zero, 0 where only one is
top1_agreement      fraction of images with argmax g = argmax e over the classes
probability error   max |softmax(g) - softmax(e)| over the classes
==================  ==========================================================================
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mobile_robust.contracts.manifest import Metrics
from mobile_robust.contracts.recipe import Tolerance

_Float = NDArray[np.float64]


class NotFiniteError(ValueError):
    """An output holds NaN or infinity: no metric describes it, so the message says where the first one is."""


def compare(
    expected: ArrayLike, got: ArrayLike, classifier: bool = False, unrepaired: ArrayLike | None = None
) -> Metrics:
    """The metrics of one output over all parity images.

    Args:
        expected: The reference, N x ..., images first.
        got: What the artifact computed, same shape.
        classifier: The output is N x classes of logits: adds top-1 agreement and probability error.
        unrepaired: What came in, where the output is the same repaired: adds the SNR of the repair itself.

    Raises:
        NotFiniteError: ``got`` (or the reference) holds NaN or infinity.
        ValueError: The shapes differ, or there is nothing to compare.
    """
    e, g = np.asarray(expected, np.float64), np.asarray(got, np.float64)
    if e.shape != g.shape:
        raise ValueError(f"expected shape {e.shape}, got {g.shape}")
    if e.size == 0:
        raise ValueError(f"nothing to compare: shape {e.shape}")
    _require_finite(e, g)

    u = None if unrepaired is None else np.asarray(unrepaired, np.float64)
    error = np.abs(g - e)
    span = _span(e)
    worst = np.unravel_index(int(error.argmax()), error.shape)
    noise = float(np.sum(error**2))
    return Metrics(
        max_abs_error=float(error.max()),
        max_error=float(error.max()) / span,
        mean_abs_error=float(error.mean()),
        max_relative_error=float(np.max(error / np.maximum(np.abs(e), 1e-3 * span))),
        snr_db=_decibel(float(np.sum(e**2)), noise),
        repair_snr_db=None if u is None else _decibel(float(np.sum((e - u) ** 2)), noise),
        psnr_db=_decibel(span**2, noise / e.size),
        cosine=_cosine(e, g),
        worst_index=tuple(int(i) for i in worst),
        worst_expected=float(e[worst]),
        worst_got=float(g[worst]),
        top1_agreement=float(np.mean(e.argmax(-1) == g.argmax(-1))) if classifier else None,
        max_probability_error=float(np.abs(_softmax(g) - _softmax(e)).max()) if classifier else None,
    )


def check_tolerance(metrics: Metrics, tolerance: Tolerance, output: str) -> list[str]:
    """One sentence per bound that is missed: where, expected, got, allowed, and what would have passed. Empty: equal.

    A top-1 bound is missed where all of the agreement's interval, if there is one, lies below it: on few photos a file
    that is good enough falls below by chance. On an output that is no classifier's it is missed. ``output`` is the name
    in the sentence.
    """
    where = (
        f"output {output}: worst at index {list(metrics.worst_index)}: expected {metrics.worst_expected:.7g}, "
        f"got {metrics.worst_got:.7g}"
    )
    failures = []
    if tolerance.max_error is not None and metrics.max_error > tolerance.max_error:
        failures.append(
            f"{where}, error {metrics.max_abs_error:.3g} is {metrics.max_error:.3g} of the range, allowed "
            f"{tolerance.max_error:g}; max_error = {_round(metrics.max_error, up=True)} would have passed"
        )
    for name, what, note in (
        ("snr_db", "SNR", ""),
        ("repair_snr_db", "SNR of the repair itself", " (0 dB is as far off as no repair at all)"),
    ):
        measured, least = getattr(metrics, name), getattr(tolerance, name)
        if measured is not None and least is not None and measured < least:
            failures.append(
                f"{where}, {what} {measured:.2f} dB{note}, allowed at least {least:g} dB; "
                f"{name} = {_round(measured, up=False)} would have passed"
            )
    if tolerance.top1_agreement is not None:
        failures += _check_top1(metrics, tolerance.top1_agreement, where)
    return failures


def _check_top1(metrics: Metrics, allowed: float, where: str) -> list[str]:
    agreement = metrics.top1_agreement
    if agreement is None:
        return [f"{where}; top1_agreement {allowed:g} is asked of an output that is not a classifier's"]
    low, high = metrics.top1_interval or (agreement, agreement)
    if high >= allowed:
        return []
    hint = f"top1_agreement = {_round(high, up=False)} would have passed" if agreement > 0 else "nothing agrees"
    interval = f" (95 % interval {low:.0%} to {high:.0%})" if metrics.top1_interval else ""
    return [f"{where}, top-1 agrees on {agreement:.2%} of the images{interval}, allowed at least {allowed:.2%}; {hint}"]


def _require_finite(expected: _Float, got: _Float) -> None:
    for kind, array in (("the reference", expected), ("the output", got)):
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            index = tuple(map(int, bad[0]))
            raise NotFiniteError(
                f"{kind} is not finite at {len(bad)} of {array.size} places, first at index {list(index)}: "
                f"expected {expected[index]:.7g}, got {got[index]:.7g}; no tolerance would have passed"
            )


def _span(expected: _Float) -> float:
    """The reference's range; of a constant one its magnitude; of an all-zero one 1."""
    return float(np.ptp(expected)) or float(np.abs(expected).max()) or 1.0


def _decibel(signal: float, noise: float) -> float | None:
    """10 log10(signal / noise); ``None`` without noise. No signal at all counts as the smallest there is."""
    if noise == 0:
        return None
    tiny = np.finfo(np.float64).tiny
    return float(10 * (np.log10(max(signal, tiny)) - np.log10(max(noise, tiny))))


def _cosine(e: _Float, g: _Float) -> float:
    scale_e, scale_g = float(np.abs(e).max()), float(np.abs(g).max())
    if scale_e == 0 or scale_g == 0:
        return 1.0 if scale_e == scale_g else 0.0
    a, b = e.ravel() / scale_e, g.ravel() / scale_g
    return float(np.clip(a @ b / np.sqrt((a @ a) * (b @ b)), -1.0, 1.0))


def _softmax(logits: _Float) -> _Float:
    exponent = np.exp(logits - logits.max(-1, keepdims=True))
    return exponent / exponent.sum(-1, keepdims=True)


def _round(value: float, up: bool) -> str:
    """Two significant digits, rounded towards the lenient side, so that the printed bound really passes."""
    if value == 0:
        return "0"
    step = 10.0 ** (np.floor(np.log10(abs(value))) - 1)
    return f"{(np.ceil(value / step) if up else np.floor(value / step)) * step:.6g}"
