"""The Vulkan driver the GPU engine runs on: the machine's own, or SwiftShader, the software one that browsers carry."""

from __future__ import annotations

import io
import os
import re
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

from mobile_robust.runtimes.process import launch, receive
from mobile_robust.tflite.flatbuffer import one_relu

#: The process that holds the engine.
WORKER = "mobile_robust.runtimes.litert_gpu.worker"

_SWIFTSHADER = (
    "/usr/lib/chromium/vk_swiftshader_icd.json",
    "/usr/lib/chromium-browser/vk_swiftshader_icd.json",
    "/usr/lib64/chromium-browser/vk_swiftshader_icd.json",
    "/opt/google/chrome/vk_swiftshader_icd.json",
    "/opt/chromium.org/chromium/vk_swiftshader_icd.json",
)
_CHOSEN_BY_USER = ("VK_ICD_FILENAMES", "VK_DRIVER_FILES", "VK_ADD_DRIVER_FILES")
_HINT = "it needs a Vulkan driver, or the software one: apt-get install chromium libvulkan1"
_PROBE_SECONDS = 60


@lru_cache(maxsize=1)
def find() -> tuple[dict[str, str] | None, str | None]:
    """Opens a one-operation file, once per process, until a driver works. The user's choice is the only one tried.

    Returns:
        (environment variables to add so that the engine runs, None), or (None, why it cannot run and what to install).
    """
    try:
        probe = one_relu()
    except ImportError as error:
        return None, f"ai-edge-litert does not load: {error}; pip install ai-edge-litert"
    base = {} if os.environ.get("XDG_RUNTIME_DIR") else {"XDG_RUNTIME_DIR": tempfile.gettempdir()}
    candidates = [base]
    if not any(os.environ.get(variable) for variable in _CHOSEN_BY_USER):
        candidates += [{**base, "VK_ICD_FILENAMES": icd} for icd in _SWIFTSHADER if Path(icd).is_file()]
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "probe.tflite"
        path.write_bytes(probe)
        for candidate in candidates:
            failure = _failure(path, candidate)
            if failure is None:
                return candidate, None
            failures.append(f"{candidate.get('VK_ICD_FILENAMES', 'the configured driver')}: {failure}")
    return None, f"the LiteRT GPU engine does not start ({'; '.join(failures)}); {_HINT}"


def _failure(path: Path, variables: dict[str, str]) -> str | None:
    """Why the engine does not take a file with these variables; ``None`` where it does."""
    try:
        # Without inputs on stdin the worker ends after its first message.
        done = subprocess.run(
            **launch(WORKER, [str(path)], variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no reply in {_PROBE_SECONDS} s"
    try:
        reply = receive(io.BytesIO(done.stdout))
    except EOFError:
        return f"crashed, exit code {done.returncode}"
    if reply.kind == "open":
        return None
    log = done.stderr.decode(errors="replace")
    reason = re.search(r"Failed to initialize WebGPU environment: (?:[A-Z]+: )?([^\n]+)", log)
    return reason[1] if reason else " ".join(reply.text.split())
