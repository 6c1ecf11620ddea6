"""The one exception a user causes: every command turns it into one message and exit code 2."""

from __future__ import annotations

import errno
import re
import resource
from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


#: How native code, which raises errors of its own, says that memory ran out: C++, PyTorch, the loader, threads.
_NO_MEMORY = re.compile("bad_alloc|allocate memory|out of memory|failed to map segment|start new thread")
#: And that the system did not let it write.
_NOT_WRITTEN = re.compile(
    "No space left on device|Disk quota exceeded|File too large|Read-only file system|Too many open files"
)


class InputError(Exception):
    """Bad input. The message names the file or option, what was wrong and what is allowed."""


def unknown(kind: str, name: str, allowed: Iterable[str], most: int = 12) -> InputError:
    """The error for a name that is not among the allowed ones.

    Args:
        kind: What the name stands for ("recipe", "layer of resnet50").
        name: What the user gave.
        allowed: The names that exist; of more than ``most`` only the closest are listed.
    """
    names = sorted(allowed)
    if len(names) <= most:
        return InputError(f"unknown {kind} {name!r}; known: {', '.join(names) or 'none'}")
    folded = {each.casefold(): each for each in names}
    close = [folded[each] for each in get_close_matches(name.casefold(), folded, n=5, cutoff=0.4)] or names[:5]
    return InputError(f"unknown {kind} {name!r}; close matches: {', '.join(close)} ({len(names)} known)")


def first_mistake(error: ValidationError) -> str:
    """The first thing that is wrong with a document: "key.key: message"."""
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg'].removeprefix('Value error, ')}"


def first_line(error: Exception) -> str:
    """An exception of somebody else's code in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def system_failure(error: Exception) -> str | None:
    """What the computer lacked or refused, where that, and no mistake of ours, is what an exception means."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM or _NO_MEMORY.search(str(error)):
        return f"not enough memory: {first_line(error)}"
    if reason := disk_failure(error):
        return reason
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return None
    # Then native code fails in ways that do not say so, and a traceback would tell the user nothing.
    return f"{first_line(error)}; is memory, limited to {limit >> 20} MB (ulimit -v), too little?"


def disk_failure(error: Exception) -> str | None:
    """Why the system did not write or read a file, where that is what an exception means."""
    if found := _NOT_WRITTEN.search(str(error)):  # also of the many files that shutil was to copy
        reason = found[0]
    elif not isinstance(error, OSError):
        return None
    else:
        reason = error.strerror or first_line(error)
    path = getattr(error, "filename", None)
    return f"{path}: {reason}" if path else reason
