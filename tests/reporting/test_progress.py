"""Where there is no terminal, long work says now and then how far it is and how long the rest will take."""

from __future__ import annotations

import io

from rich.console import Console

from mobile_robust.reporting.progress import Lines
from mobile_robust.reporting.text import duration_text


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def shown(done: list[tuple[float, int, int | None]], terminal: bool = False, even: bool = True) -> list[str]:
    """The lines of work that has done so much at these seconds."""
    out, clock = io.StringIO(), Clock()
    lines = Lines(Console(file=out, width=80, force_terminal=terminal), "photos", clock)
    for clock.now, units, total in done:
        lines.show("resnet", units, total, even)
    return out.getvalue().splitlines()


def test_the_first_line_comes_soon_and_then_one_a_minute() -> None:
    seconds = range(0, 140)
    said = shown([(float(second), second, 280) for second in seconds])
    assert said == [
        "photos: 10 of 280, about 4 min left: resnet",
        "photos: 70 of 280, about 4 min left: resnet",
        "photos: 130 of 280, about 2 min left: resnet",
    ]


def test_what_was_done_before_does_not_count_for_the_speed() -> None:
    done = [(0.0, 500, 1000), (5.0, 505, 1000), (10.0, 510, 1000)]
    assert shown(done) == ["photos: 510 of 1000, about 8 min left: resnet"]


def test_what_was_done_before_does_not_count_where_that_shows_late() -> None:
    done = [(0.0, 0, None), (0.0, 500, 1000), (5.0, 505, 1000), (10.0, 510, 1000)]
    assert shown(done) == ["photos: 510 of 1000, about 8 min left: resnet"]


def test_starting_does_not_count_for_the_speed() -> None:
    """The first unit comes after a minute, the others take a second each; how many there are is not known at once."""
    done = [(0.0, 0, None), (1.0, 0, 100), (60.0, 1, 100), (120.0, 61, 100)]
    assert shown(done) == ["photos: 1 of 100: resnet", "photos: 61 of 100, about 39 s left: resnet"]


def test_without_a_total_or_with_uneven_units_there_is_no_estimate() -> None:
    assert shown([(0, 0, None), (10, 4, None)]) == ["photos: 4: resnet"]
    assert shown([(0, 0, 8), (10, 4, 8)], even=False) == ["photos: 4 of 8: resnet"]


def test_quick_work_and_terminals_have_no_lines() -> None:
    assert shown([(0, 0, 2), (9, 1, 2)]) == [] == shown([(0, 0, 2), (60, 1, 2)], terminal=True)


def test_durations() -> None:
    assert [duration_text(seconds) for seconds in (4.4, 89, 100, 5000, 6000)] == [
        "4 s",
        "89 s",
        "2 min",
        "83 min",
        "1.7 h",
    ]
