"""Artifacts of Maven Central in the user's cache, each pinned by the SHA-256 in ``maven.lock``.

Environment: MOBILE_ROBUST_MAVEN names a mirror (the hashes stay the same), XDG_CACHE_HOME where caches are; proxies and
certificates are those of Python's urllib (HTTPS_PROXY, SSL_CERT_FILE, …).
"""

from __future__ import annotations

import fcntl
import http.client
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mobile_robust.bench.android.apk.coordinates import Coordinate, parse
from mobile_robust.errors import InputError
from mobile_robust.files import sha256, user_cache

CENTRAL = "https://repo1.maven.org/maven2"
LOCK = Path(__file__).with_name("maven.lock")
_TIMEOUT_SECONDS = 60
#: One connection, and that often a new one that resumes where the last one broke.
_RETRIES = 3
_OVERLOADED = (429, 500, 502, 503, 504)

Notify = Callable[[str], None]


def fetch(coordinates: Sequence[str], cache: Path | None = None, notify: Notify = lambda _: None) -> dict[str, Path]:
    """Coordinate -> the artifact's file, whose hash has just been checked. What the cache (None: the user's) does not
    hold is downloaded; nothing is asked of the network otherwise. ``notify`` gets a line before each download.

    Raises:
        InputError: A coordinate is not locked; the repository cannot be reached or has no such file; what it gave is
            not what was locked, and is not kept.
    """
    locked = read_lock()
    if missing := [text for text in coordinates if text not in locked]:
        raise InputError(
            f"{', '.join(missing)}: not in {LOCK.name}; python -m mobile_robust.bench.android.apk.lock adds it"
        )
    folder = cache or user_cache() / "maven"
    found = {}
    with _one_at_a_time(folder):
        for text in coordinates:
            artifact = parse(text)
            path = folder / artifact.path
            if not path.is_file() or sha256(path) != locked[text]:
                _download(artifact, path, locked[text], notify)
            found[text] = path
    return found


def read_lock() -> dict[str, str]:
    """Coordinate -> hex SHA-256."""
    lines = (line.split() for line in LOCK.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return {coordinate: digest for digest, coordinate in lines}


def _download(artifact: Coordinate, path: Path, expected: str, notify: Notify) -> None:
    """Downloads one file under a temporary name, resuming an earlier attempt; renames it when its hash is right."""
    url = f"{_repository()}/{artifact.path}"
    partial = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for attempt in range(_RETRIES + 1):
            try:
                _receive(url, partial, lambda size: notify(f"downloading {artifact.name}, {size / 1e6:.1f} MB"))
                break
            except _Interrupted as error:
                if attempt == _RETRIES:
                    raise InputError(
                        f"{url}: cannot be downloaded: {error}; a further attempt resumes from there "
                        "(MOBILE_ROBUST_MAVEN may name a mirror)"
                    ) from None
                time.sleep(0.2 * 4**attempt)
        if (actual := sha256(partial)) != expected:
            partial.unlink()
            raise InputError(
                f"{url}: not what {LOCK.name} asks for: its SHA-256 is {actual}, must be {expected}; deleted"
            )
        partial.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None


def _repository() -> str:
    """Address of the Maven repository: Central, or what MOBILE_ROBUST_MAVEN says."""
    url = os.environ.get("MOBILE_ROBUST_MAVEN") or CENTRAL
    if not url.startswith(("https://", "http://")):
        raise InputError(f"MOBILE_ROBUST_MAVEN={url}: must be an address that starts with https:// or http://")
    return url.rstrip("/")


class _Interrupted(Exception):
    """The repository cannot be reached at the moment, or the connection broke."""


def _receive(url: str, partial: Path, begin: Callable[[int], None]) -> None:
    """Appends what is still missing to a file, after it has called ``begin`` with the number of these bytes.

    Raises InputError where the repository says no, _Interrupted where it says nothing, or not all."""
    start = partial.stat().st_size if partial.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:
            resumed = response.status == 206
            left = int(response.headers.get("Content-Length") or 0)
            begin(left)
            with partial.open("ab" if resumed else "wb") as file:
                while chunk := response.read(1 << 20):
                    file.write(chunk)
                    left -= len(chunk)
            if left > 0:
                raise _Interrupted(f"the connection ended {left} bytes too early")
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing is missing, or what is there is longer than the file: the hash tells
            return
        if error.code in _OVERLOADED:
            raise _Interrupted(f"HTTP status {error.code}") from None
        raise InputError(f"{url}: cannot be downloaded: HTTP status {error.code} {error.reason}") from None
    except (urllib.error.URLError, http.client.HTTPException, ssl.SSLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise _Interrupted(getattr(reason, "strerror", None) or str(reason) or type(reason).__name__) from None


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """A second process waits, and then finds what the first has downloaded."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("a")
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror or error}") from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
