"""Where a fake device keeps and runs the benchmark app: a folder, and a process (``fake_app.py``) that can crash."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mobile_robust.runtimes.litert_gpu import driver as litert_gpu_driver


class AppHost:
    """A device with a folder ``root`` as its storage.

    Attributes:
        gpu: Whether its GPU, that of ``LitertGpu`` on this computer, can be used; off: it takes no file whole.
        script: What the app does in every start: see ``fake_app.py``.
        apps: What it does besides in the next starts.
        plan: Event -> what happens the next times: a function that gets the data that is about to be stored or to
            leave the device, and returns that or something else.
        relaunching: Whether the system starts an app again that crashed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.gpu = self.relaunching = False
        self.script: dict[str, Any] = {}
        self.apps: list[dict[str, Any]] = []
        self.plan: dict[str, list[Callable[[bytes], bytes]]] = {}
        self.starts = 0
        self.app: subprocess.Popen | None = None
        root.mkdir(parents=True)

    @property
    def files(self) -> Path:
        """The app's folder."""
        return self.root / "app" / "files"

    def happening(self, event: str, data: bytes = b"") -> bytes:
        """The data after what is planned for an event."""
        waiting = self.plan.get(event)
        return waiting.pop(0)(data) if waiting else data

    def start_app(self, job: str) -> None:
        self.stop_app()
        self.starts += 1
        script = {"gpu": self.gpu, **self.script, **(self.apps.pop(0) if self.apps else {})}
        command = [sys.executable, "-m", "tests.bench.device.fake_app", str(self.files), job, json.dumps(script)]
        driver = litert_gpu_driver.find()[0] if self.gpu else None
        with (self.root / "app.log").open("a") as log:
            self.app = subprocess.Popen(
                command,
                cwd=Path(__file__).resolve().parents[3],
                env={**os.environ, **(driver or {})},
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )

    def stop_app(self) -> None:
        self.record_end()
        if self.app is not None:
            self.app.kill()
            self.app.wait()
            self.app = None

    def app_runs(self) -> bool:
        if self.relaunching and self.app is not None and (self.app.poll() or 0) < 0:
            self.start_app("job.json")
        return self.app is not None and self.app.poll() is None

    def record_end(self) -> None:
        """Logs how the app ended, where it did so by a signal."""
