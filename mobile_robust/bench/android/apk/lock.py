"""For maintainers: ``python -m mobile_robust.bench.android.apk.lock`` writes ``maven.lock`` anew.

To be run after a change of android_bench/dependencies.txt, in a checkout. Every artifact is downloaded from Maven
Central, compared with the SHA-1 that is published beside it (and the SHA-256, where there is one), and its SHA-256
written down; a locked artifact that has another hash than before is refused, because what is released never changes.
"""

from __future__ import annotations

import hashlib
import sys
import urllib.error
import urllib.request

from mobile_robust.bench.android.apk import maven
from mobile_robust.bench.android.apk.coordinates import parse, read_dependencies, sources
from mobile_robust.bench.android.apk.toolchain import DEXER
from mobile_robust.errors import InputError
from mobile_robust.files import write_atomically

_HEAD = "# SHA-256 and coordinate of every artifact; made by python -m mobile_robust.bench.android.apk.lock\n"


def lock(repository: str = maven.CENTRAL) -> str:
    """The text of the lock file. Raises InputError where an artifact does not agree with a published hash, or with the
    one locked before, and OSError where the repository cannot be reached."""
    before = maven.read_lock() if maven.LOCK.is_file() else {}
    scopes = read_dependencies(sources())
    lines = []
    for text in sorted({DEXER, *(coordinate for scope in scopes.values() for coordinate in scope)}):
        print(text, file=sys.stderr)
        actual = _published(f"{repository}/{parse(text).path}")
        if before.get(text, actual) != actual:
            raise InputError(f"{text}: its SHA-256 is {actual}, and {before[text]} in {maven.LOCK.name}")
        lines.append(f"{actual}  {text}\n")
    return _HEAD + "".join(lines)


def _published(url: str) -> str:
    """SHA-256 of what an address gives, after the hashes published beside it agreed."""
    content = _read(url)
    for kind in ("sha1", "sha256"):
        try:
            expected = _read(f"{url}.{kind}").decode().split()[0].lower()
        except urllib.error.HTTPError as error:
            if error.code == 404 and kind == "sha256":  # older releases have none
                continue
            raise
        if (actual := hashlib.new(kind, content, usedforsecurity=False).hexdigest()) != expected:
            raise InputError(f"{url}: its {kind} is {actual}, published is {expected}")
    return hashlib.sha256(content).hexdigest()


def _read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as response:
        return bytes(response.read())


if __name__ == "__main__":
    write_atomically(maven.LOCK, lock())
