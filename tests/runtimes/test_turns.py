"""Two sessions that take turns: their order, the clock, and how long it may take."""

from __future__ import annotations

from collections.abc import Mapping
from time import sleep, thread_time
from typing import Any

import numpy as np
import pytest

from mobile_robust.runtimes import turns
from mobile_robust.runtimes.base import Arrays, Session, TimedRuntime
from mobile_robust.runtimes.registry import runtimes
from mobile_robust.runtimes.turns import LEAST_PAIRS, WARM_UP_PAIRS, clock_of, take_turns


class Fake(Session):
    """Computes for some seconds and then waits for some, as where another process has the core."""

    def __init__(self, name: str, log: list[str], computes: float = 0.0, waits: float = 0.0) -> None:
        self.name, self.log, self.computes, self.waits = name, log, computes, waits
        self.seen: list[float] = []

    def write(self, inputs: Mapping[str, Any]) -> None:
        self.seen.append(float(inputs["x"]))

    def run(self) -> None:
        self.log.append(self.name)
        end = thread_time() + self.computes
        while thread_time() < end:
            pass
        sleep(self.waits)

    def read(self) -> Arrays:
        return {}


INPUTS = [{"x": np.array(float(index), np.float32)} for index in range(3)]


def test_the_order_changes_from_pair_to_pair_and_the_inputs_repeat() -> None:
    log: list[str] = []
    first, second = Fake("a", log), Fake("b", log)
    samples = take_turns((first, second), (INPUTS, INPUTS), 4, "wall")
    assert samples.shape == (4, 2) and (samples >= 0).all()
    assert "".join(log) == ("bbaaaabb" * 5)[: 4 * (4 + WARM_UP_PAIRS)]
    assert first.seen == second.seen == [0, 0, 1, 1, 2, 2] * 3


def test_what_the_other_took_from_the_caches_does_not_count() -> None:
    """One that takes ten times as long after the other."""

    class Cold(Fake):
        def run(self) -> None:
            self.computes = 1e-3 if self.log[-1:] == [self.name] else 1e-2
            super().run()

    log: list[str] = []
    samples = take_turns((Cold("a", log), Fake("b", log)), (INPUTS, INPUTS), 4, "cpu")
    assert np.median(samples[:, 0]) < 5e6


def test_cpu_time_leaves_out_what_others_compute() -> None:
    """The first computes twice as long as the second, which is kept from the core for ten times as long."""
    sessions = Fake("a", [], computes=4e-3), Fake("b", [], computes=2e-3, waits=2e-2)
    ours, theirs = take_turns(sessions, (INPUTS, INPUTS), 5, "cpu").T
    assert np.median(ours / theirs) == pytest.approx(2, rel=0.2)
    assert take_turns(sessions, (INPUTS, INPUTS), 5, "wall")[:, 1].min() >= 22e6


def test_some_pairs_are_measured_whatever_they_take(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(1000))
    monkeypatch.setattr(turns, "monotonic", lambda: next(now))
    sessions = Fake("a", []), Fake("b", [])
    assert len(take_turns(sessions, (INPUTS, INPUTS), 60, "wall", 0.0)) == LEAST_PAIRS
    assert len(take_turns(sessions, (INPUTS, INPUTS), 60, "wall")) == 60


def test_only_an_engine_of_one_thread_in_the_caller_has_a_cpu_clock() -> None:
    runtime = runtimes()["litert_cpu"].make_timed()
    assert (clock_of(runtime, 1), clock_of(runtime, 2)) == ("cpu", "wall")
    assert not TimedRuntime.computes_in_caller
