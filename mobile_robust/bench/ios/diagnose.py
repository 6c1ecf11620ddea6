"""Why the app ended without a message: the crash logs that iOS has written since it was started."""

from __future__ import annotations

from typing import Any

from mobile_robust.bench.device.words import parse_line
from mobile_robust.documents import DocumentError, parse_json

#: What names of logs of killed processes begin with; those of crashes begin with the app's name.
MEMORY_LOG = "JetsamEvent"
#: Of the stack.
_MOST_FRAMES = 5


def crash_report(log: bytes, executable: str) -> str:
    """A crash log (.ips: a line of JSON, and a JSON document) in one line; "" where it is of another app, or of another
    format.

    Args:
        log: Its content.
        executable: Name of the app's executable.
    """
    head, _, body = log.partition(b"\n")
    try:
        header, report = parse_json(head), parse_json(body)
    except DocumentError:
        return ""
    if not isinstance(header, dict) or not isinstance(report, dict):
        return ""
    if header.get("bug_type") == "298":
        return _killed(report, executable)
    if report.get("procName", header.get("app_name")) != executable:
        return ""
    exception, termination = _table(report.get("exception")), _table(report.get("termination"))
    kind = " ".join(str(exception[name]) for name in ("type", "signal") if exception.get(name))
    stack = " < ".join(_frames(report))
    parts = (kind, str(termination.get("indicator") or ""), stack and f"in {stack}")
    return " | ".join(parse_line(part) for part in parts if part)


def _killed(report: dict[str, Any], executable: str) -> str:
    """Of a log of what iOS killed as memory ran out; a process that was spared has no reason."""
    processes = report.get("processes")
    for process in processes if isinstance(processes, list) else []:
        if isinstance(process, dict) and process.get("name") == executable and process.get("reason"):
            why = parse_line(str(process["reason"]))
            return f"iOS killed it for lack of memory ({why}): close other apps there, or measure fewer files at a time"
    return ""


def _frames(report: dict[str, Any]) -> list[str]:
    """Names of the innermost functions of the thread that crashed."""
    threads, index = report.get("threads"), report.get("faultingThread")
    if not isinstance(threads, list) or type(index) is not int or not 0 <= index < len(threads):
        return []
    frames = _table(threads[index]).get("frames")
    names = [_table(frame).get("symbol") for frame in frames] if isinstance(frames, list) else []
    return [str(name) for name in names if name][:_MOST_FRAMES]


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
