"""What Android says of the end of an app, as phones print it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from mobile_robust.bench.android.diagnose import crash_report

HEAD = "ACTIVITY MANAGER PROCESS EXIT INFO (dumpsys activity exit-info)\n  package: org.mobilerobust.bench\n"


def record(number: int, ago: float, how: str) -> str:
    """Of an end so many seconds ago, as Android 11 prints it: a line each."""
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() - ago + 5.5 * 3600))  # the phone is in India
    fields = [f"timestamp={when}.250", "pid=4711", "realUid=10123", "process=org.mobilerobust.bench", *how.split("; ")]
    return f"    ApplicationExitInfo #{number}:\n" + "".join(f"      {field}\n" for field in fields)


def printing(ends: str) -> Callable[..., str]:
    """A phone in India that prints this of the ends of the app, and has no crash log."""
    printed = {"dumpsys": ends, "date": f"{int(time.time())}+0530\n", "logcat": ""}
    return lambda command, *_: printed[command]


def reported(ends: str) -> str:
    """Of an app that was started a minute ago."""
    return crash_report(printing(ends), int(time.time()) - 60)


MEMORY = "reason=3 (LOW_MEMORY); subreason=0 (UNKNOWN); status=0; importance=100; rss=2.5GB; description=null"
SIGNAL = "reason=2 (SIGNALED); status=9; description=null"
LIMITER = "reason=13 (OTHER KILLS BY SYSTEM); subreason=0 (UNKNOWN); status=0; description=MemoryLimiter:AnonSwap"
STOPPED = "reason=10 (USER REQUESTED); subreason=21 (FORCE STOP); status=0; description=stop org.mobilerobust.bench"


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ([(2, MEMORY)], "Android killed it for lack of memory: "),
        ([(1, STOPPED), (2, MEMORY)], "Android killed it for lack of memory: "),
        ([(2, LIMITER)], "Android killed it for lack of memory: "),
        ([(2, SIGNAL)], "it was killed (signal 9), "),
        ([(2, SIGNAL.replace("=9", "=6"))], ""),
        ([(1, STOPPED)], ""),
        ([(600, MEMORY)], ""),  # of an earlier start
        ([(-600, MEMORY)], ""),  # of a calendar of its own
        ([], ""),
    ],
)
def test_a_lack_of_memory(ends: list[tuple[float, str]], said: str) -> None:
    report = reported(HEAD + "".join(record(number, *end) for number, end in enumerate(ends)))
    assert report.startswith(said) and bool(report) == bool(said)


def test_what_cannot_be_read_says_nothing() -> None:
    whole = record(0, 2, MEMORY)
    cut = (whole.replace("timestamp=2", "timestamp=Sept 2"), whole.replace("reason=3", "reason=?"), whole[:40], "")
    for printed in (*(HEAD + text for text in cut), "Bad activity command, or no activities match: exit-info\n", ""):
        assert reported(printed) == ""
