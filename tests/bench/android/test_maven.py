"""Downloads from a repository that drops connections, lies, or is not there."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mobile_robust.bench.android.apk import lock, maven
from mobile_robust.bench.android.apk.coordinates import parse, read_dependencies, sources
from mobile_robust.bench.android.apk.toolchain import DEXER
from mobile_robust.errors import InputError

APP = "org.example.some:app:1.0:aar"
TOOL = "org.example:tool:2.1-beta"
CONTENT = {parse(APP).path: bytes(range(256)) * 4000, parse(TOOL).path: b"tool"}
#: Lines of the lock file.
LOCKED = [f"{hashlib.sha256(CONTENT[parse(text).path]).hexdigest()}  {text}\n" for text in (APP, TOOL)]


class Repository(ThreadingHTTPServer):
    """A Maven repository on loopback. ``script``: what goes wrong with the next answers; ``asked``: path, Range."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.files = dict(CONTENT)
        self.script: list[str] = []
        self.asked: list[tuple[str, str | None]] = []
        self.url = f"http://127.0.0.1:{self.server_port}/maven2"


class _Answer(BaseHTTPRequestHandler):
    server: Repository

    def do_GET(self) -> None:
        path, span = self.path.removeprefix("/maven2/"), self.headers.get("Range")
        self.server.asked.append((path, span))
        fault = self.server.script.pop(0) if self.server.script else ""
        data = self.server.files.get(path)
        if data is None or fault == "overloaded":
            self.send_error(404 if data is None else 503)
            return
        start = int(span.removeprefix("bytes=").removesuffix("-")) if span else 0
        if start and start >= len(data):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start : start + (len(data) - start) // 2] if fault == "drops" else data[start:])

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Repository]:
    """Runs during a test, is what the code asks, and its files are locked."""
    server = Repository()
    locked = tmp_path / "locked"
    locked.write_text("# of a test\n" + "".join(LOCKED))
    monkeypatch.setattr(maven, "LOCK", locked)
    monkeypatch.setenv("MOBILE_ROBUST_MAVEN", server.url + "/")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(maven.time, "sleep", lambda _: None)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_cache_is_asked_first(repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    said: list[str] = []
    first = maven.fetch([APP, TOOL], notify=said.append)
    assert said == ["downloading app-1.0.aar, 1.0 MB", "downloading tool-2.1-beta.jar, 0.0 MB"]
    assert first[APP] == tmp_path / "cache/mobile_robust/maven/org/example/some/app/1.0/app-1.0.aar"
    assert [first[text].read_bytes() for text in (APP, TOOL)] == list(CONTENT.values())
    assert maven.fetch([APP, TOOL], notify=said.append) == first
    assert len(repository.asked) == len(said) == 2
    first[TOOL].write_bytes(b"TOOL")  # changed since: replaced
    assert maven.fetch([TOOL])[TOOL].read_bytes() == b"tool"


def test_a_download_that_broke_is_resumed_by_the_next_command(repository: Repository, tmp_path: Path) -> None:
    repository.script = ["drops"] * 4
    with pytest.raises(InputError, match="app-1.0.aar: cannot be downloaded: the connection ended 64000 bytes too e"):
        maven.fetch([APP], tmp_path / "cache")
    path = maven.fetch([APP], tmp_path / "cache")[APP]
    assert repository.asked[-1][1] == "bytes=960000-"
    assert path.read_bytes() == CONTENT[parse(APP).path]
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_nothing_is_kept_of_what_was_not_locked(repository: Repository, tmp_path: Path) -> None:
    repository.files[parse(APP).path] = b"something else"
    with pytest.raises(InputError, match=r"app-1\.0\.aar: not what locked asks for: its SHA-256 is \w{64}, must be \w"):
        maven.fetch([APP], tmp_path / "cache")
    assert [p for p in (tmp_path / "cache/org").rglob("*") if p.is_file()] == []


def test_two_at_once_download_once(repository: Repository, tmp_path: Path) -> None:
    threads = [threading.Thread(target=maven.fetch, args=([APP, TOOL], tmp_path / "cache")) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(path for path, _ in repository.asked) == sorted(CONTENT)


def test_out_of_reach(repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    monkeypatch.setenv("MOBILE_ROBUST_MAVEN", f"http://127.0.0.1:{port}")
    with pytest.raises(InputError, match="cannot be downloaded: Connection refused; .*MOBILE_ROBUST_MAVEN may name a"):
        maven.fetch([TOOL], tmp_path / "cache")


def test_not_locked(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="org.example:tool:9: not in locked; python -m mobile_robust.bench.android.apk"
    ):
        maven.fetch([TOOL, "org.example:tool:9"], tmp_path / "cache")
    assert repository.asked == []


def test_coordinate_with_a_classifier() -> None:
    assert parse("org.example:tool:1.0:jar:linux").path == "org/example/tool/1.0/tool-1.0-linux.jar"


@pytest.mark.parametrize("text", ["a:b", "a:b:1:jar:c:d", "a:..:1", "a:b:1/2"])
def test_no_coordinate(text: str) -> None:
    with pytest.raises(InputError, match="not a coordinate"):
        parse(text)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("org.example:tool:1", "line 2: must be a coordinate and a scope"),
        ("org.example:tool:1 runtime", "line 2, 'runtime'; known: app, compile, kotlin, test"),
        ("org.example app", "not a coordinate"),
    ],
)
def test_dependencies_that_cannot_be_read(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "dependencies.txt").write_text(f"# list\n{line}\n")
    with pytest.raises(InputError, match=message):
        read_dependencies(tmp_path)


def test_everything_that_is_built_from_is_locked() -> None:
    needed = {DEXER, *(text for scope in read_dependencies(sources()).values() for text in scope)}
    assert needed == set(maven.read_lock())


@pytest.fixture
def project(repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Sources that depend on what the repository has, with its published hashes."""
    (tmp_path / "dependencies.txt").write_text(f"{APP} app\n")
    monkeypatch.setattr(lock, "sources", lambda: tmp_path)
    monkeypatch.setattr(lock, "DEXER", TOOL)
    for text in (APP, TOOL):
        path = parse(text).path
        repository.files[f"{path}.sha1"] = hashlib.sha1(CONTENT[path]).hexdigest().encode() + b"  name\n"
    return tmp_path


def test_lock(project: Path, repository: Repository) -> None:
    path = parse(APP).path
    repository.files[f"{path}.sha256"] = hashlib.sha256(CONTENT[path]).hexdigest().upper().encode()
    head, *lines = lock.lock(repository.url).splitlines(keepends=True)
    assert head.startswith("#") and sorted(lines) == sorted(LOCKED)


@pytest.mark.parametrize("kind", ["sha1", "sha256"])
def test_lock_compares_with_what_is_published(project: Path, repository: Repository, kind: str) -> None:
    repository.files[f"{parse(APP).path}.{kind}"] = b"0" * 40
    with pytest.raises(InputError, match=f"app-1.0.aar: its {kind} is .*, published is 0"):
        lock.lock(repository.url)


def test_lock_refuses_a_release_that_changed(project: Path, repository: Repository) -> None:
    path = parse(APP).path
    repository.files |= {path: b"new", f"{path}.sha1": hashlib.sha1(b"new").hexdigest().encode()}
    with pytest.raises(InputError, match=f"{APP}: its SHA-256 is .*, and .* in "):
        lock.lock(repository.url)
