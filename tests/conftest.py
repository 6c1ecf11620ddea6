"""Two small builds for all tests, each made once per session; photos and recipes to train with."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as every command sets it before PyTorch is imported
os.environ.setdefault("OMP_NUM_THREADS", "1")  # pytest-xdist uses the cores; small networks gain nothing from threads
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from PIL import Image

from mobile_robust.data.images import built_in_photos
from mobile_robust.runtimes.base import Runtime
from mobile_robust.runtimes.snapdragon_npu import libraries
from mobile_robust.runtimes.snapdragon_npu.runtime import SnapdragonNpu
from tests import coreml_stand_in
from tests.recipes import RESNET, write_recipe
from tests.shared import built_once

#: Converted networks for the tests of runtimes, parity and tflite.
pytest_plugins = ["tests.converted"]

Command = Callable[..., subprocess.CompletedProcess]


def pytest_configure() -> None:
    """A suite that a script starts in the background ignores Ctrl-C, and so would every command that it starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs a whole build is slow. Each of two processes of pytest-xdist begins with one half of the tests: with
    different builds, so that none waits for the other's.
    """
    users: dict[str, list[pytest.Item]] = {"module_build": [], "pipeline_build": [], "": []}
    for item in items:
        parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
        used = {*getattr(item, "fixturenames", ()), *(value for value in parameters if isinstance(value, str))}
        used |= {"module_build"} if "module_run" in used else set()
        build = next(name for name in ("pipeline_build", "module_build", "") if name in used or not name)
        users[build].append(item)
        if build:
            item.add_marker("slow")
    module, pipeline, others = users.values()
    middle = max(0, len(items) // 2 - len(module))
    items[:] = [*module, *others[:middle], *pipeline, *others[middle:]]


@pytest.fixture(scope="session")
def command() -> Command:
    """Runs ``python -m mobile_robust …`` as a user does; the terminal is wide enough for every table."""

    def run(*arguments: object, **options: object) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "mobile_robust", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "COLUMNS": "160"},
            **options,
        )

    return run


@pytest.fixture(scope="session")
def module_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess]:
    """A module in all precisions of both targets, and what the command that built it printed.

    Its weights are random: the initial ones repair so little that a broken file would pass for a good one.
    """
    import torch
    from safetensors.torch import save_file

    from mobile_robust.export.cli import main
    from mobile_robust.methods.afd.network import AFD
    from tests.randomize import randomize

    def build(out: Path) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # whatever tests ran before in this process
            save_file(randomize(AFD(32, "afd_nano")).state_dict(), out / "random.safetensors")
        recipe, said, errors = (
            write_recipe(out, more='[weights]\nfile = "random.safetensors"\n'),
            StringIO(),
            StringIO(),
        )
        arguments = [str(recipe), "--out", str(out)]
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(errors):
            patch.setenv("COLUMNS", "160")
            code = main(arguments)
        (out / "said.json").write_text(json.dumps([arguments, code, said.getvalue(), errors.getvalue()]))

    out = built_once(tmp_path_factory, "builds", build)
    return out / "small", subprocess.CompletedProcess(*json.loads((out / "said.json").read_text()))


@pytest.fixture(scope="session")
def module_build(module_run: tuple[Path, subprocess.CompletedProcess]) -> Path:
    """The module's folder; for reading only."""
    folder, done = module_run
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def pipeline_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline's folder, in three forms; for reading only."""
    from mobile_robust.export.cli import main

    def build(out: Path) -> None:
        some = '[artifacts]\ntflite = ["fp32", "int8"]\ncoreml = ["fp16"]\n'
        assert main([str(write_recipe(out, "pipeline", "pipeline", RESNET, some)), "--out", str(out)]) == 0

    return built_once(tmp_path_factory, "pipelines", build) / "pipeline"


@pytest.fixture
def copied(module_build: Path, tmp_path: Path) -> Path:
    """The module's folder, to be changed."""
    return Path(shutil.copytree(module_build, tmp_path / "small"))


@pytest.fixture
def core_ml(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A stand-in for Core ML: see ``coreml_stand_in``."""
    coreml_stand_in.use(monkeypatch)
    return monkeypatch


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six small photos of different shapes; their names are labels 0 to 5."""
    folder = tmp_path_factory.mktemp("photos")
    for index, photo in enumerate(built_in_photos((120, 120), 12)[::2]):  # every second one: those are not compressed
        Image.fromarray(photo[: 100 + 4 * index, : 120 - 4 * index]).save(folder / f"{index}.png")
    return folder


@pytest.fixture(scope="session")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One small recipe a method."""
    folder = tmp_path_factory.mktemp("recipes")
    options = {
        "sympie": "",
        "deepcorrect": 'layers = ["conv1.0", "layer1.0.conv1"]',
        "fidelity": "",
        "dir": "",
        "film": 'layers = ["layer1", "layer2"]',
    }
    pipelines = {
        method: write_recipe(folder, method, "pipeline", RESNET, method=method, options=text)
        for method, text in options.items()
    }
    return {"afd": write_recipe(folder, "afd", backbone=RESNET), **pipelines}


@pytest.fixture
def require() -> Callable[[Runtime], None]:
    """Skips where a runtime is missing; fails where MOBILE_ROBUST_REQUIRE (names, comma-separated) asks for it."""

    def check(runtime: Runtime) -> None:
        reason = runtime.unavailable()
        if reason is None:
            return
        if runtime.info.name in os.environ.get("MOBILE_ROBUST_REQUIRE", "").split(","):
            pytest.fail(f"MOBILE_ROBUST_REQUIRE asks for {runtime.info.name}, but {reason}")
        pytest.skip(reason)

    return check


@pytest.fixture
def npu(require: Callable[[Runtime], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The Snapdragon NPU's emulator with links of its own, where Qualcomm's libraries are installed."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    libraries.forget()
    if not libraries.missing():
        libraries.set_up()
    require(SnapdragonNpu())
    yield
    libraries.forget()
