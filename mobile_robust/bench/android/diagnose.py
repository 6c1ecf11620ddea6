"""Why the app ended without a message: what Android has logged of it since it was started."""

from __future__ import annotations

import re
from datetime import datetime

from mobile_robust.bench.android.apk.app import PACKAGE
from mobile_robust.bench.android.preflight import ShellText
from mobile_robust.bench.device.words import parse_line, parse_number

#: Of ApplicationExitInfo, as Android dumps them.
_SIGNALED, _LOW_MEMORY = "2", "3"
#: The app's name as a whole word: not that of another app which begins or ends with it.
_OURS = re.compile(rf"(?<![\w.]){re.escape(PACKAGE)}(?![\w.])")


def crash_report(text: ShellText, since: int) -> str:
    """The app's crash, or that Android killed it for lack of memory; "" where Android logged nothing.

    Args:
        text: Gives the output of a command on the phone.
        since: When the app was started, in seconds since 1970 by the phone's clock.
    """
    return _logged(text, since) or _killed(text, since)


def _logged(text: ShellText, since: int) -> str:
    """The first lines of a crash in the phone's log."""
    log = text("logcat", "-b", "crash", "-d", "-v", "brief", "-T", f"{since}.0")
    lines = [line.strip() for line in log.splitlines()]
    mine = [index for index, line in enumerate(lines) if _OURS.search(line)]
    if not mine:
        return ""
    first = [re.sub(r"^[A-Z]/\w+\s*\(\s*\d+\):\s*", "", line) for line in lines[max(mine[0] - 1, 0) : mine[0] + 7]]
    return " | ".join(filter(None, map(parse_line, first)))


def _killed(text: ShellText, since: int) -> str:
    """Android 11 and later keep a record of how each process of an app ended; older ones print an error instead."""
    _, *records = re.split(r"ApplicationExitInfo #\d+:", text("dumpsys", "activity", "exit-info", PACKAGE))
    clock = re.fullmatch(r"(\d+)([+-]\d{4})", text("date", "+%s%z").strip())
    now = parse_number(clock[1]) if clock else None
    if clock is None or now is None:
        return ""
    for record in records:
        if since <= _when(record, clock[2]) <= now + 1 and (why := _lack_of_memory(record)):
            return why
    return ""


def _when(record: str, zone: str) -> float:
    """Seconds since 1970; 0 where the phone prints another format."""
    found = re.search(r"\btimestamp=(\S+ [\d:.]+)", record)
    try:
        return datetime.strptime(f"{found[1] if found else ''} {zone}", "%Y-%m-%d %H:%M:%S.%f %z").timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _lack_of_memory(record: str) -> str:
    """A sentence; "" where it ended otherwise."""
    reason, status = (re.search(rf"\b{name}=(\d+)", record) for name in ("reason", "status"))
    if (reason and reason[1] == _LOW_MEMORY) or "MemoryLimiter" in record:  # that one limits each app, as of Android 17
        return "Android killed it for lack of memory: close other apps there, or measure fewer files at a time"
    if reason and reason[1] == _SIGNALED and status and status[1] == "9":
        return "it was killed (signal 9), on many phones for lack of memory: close other apps there"
    return ""
