"""What is wrong with --ray is said before anything else is done."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from mobile_robust.errors import InputError
from mobile_robust.evaluation import connection
from mobile_robust.evaluation.cli import main
from mobile_robust.evaluation.connection import check_cluster
from tests.evaluation.fakes import flat_photos


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "find_spec", lambda name: object())


@pytest.mark.parametrize(
    "address", ["node", "node:", ":6379", "node:0", "node:99999", "node:\u0663", "ray://node:10001"]
)
def test_what_an_address_looks_like(address: str) -> None:
    with pytest.raises(InputError, match=rf"^--ray {address}: give HOST:PORT of a cluster's head node, or auto$"):
        check_cluster(address)


def test_where_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # and does not listen
        port = free.getsockname()[1]
        with pytest.raises(InputError, match=rf"^--ray 127\.0\.0\.1:{port}: cannot be reached: Connection refused$"):
            check_cluster(f"127.0.0.1:{port}")
        free.listen()
        check_cluster(f"127.0.0.1:{port}")


def test_ray_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "find_spec", lambda name: None)
    photos = flat_photos(tmp_path / "photos", 1).folder
    with pytest.raises(InputError, match=r"^--ray needs Ray: pip install 'mobile-robust\[cluster\]'$"):
        main(["b", "--images", str(photos), "--ray", "auto"])
    with pytest.raises(InputError, match=r"^--jobs 2: not with --ray"):
        main(["b", "--images", str(photos), "--ray", "auto", "--jobs", "2"])
