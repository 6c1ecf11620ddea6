"""The app of a fake device: carries out a job on the files that it was given, with LiteRT or, of Core ML packages, in
PyTorch.

Run as ``python -m tests.bench.device.fake_app FOLDER JOB SCRIPT``. SCRIPT is JSON: "gpu": whether there is one that
can be used; and what goes wrong: "crash", "killed", "hang", "hot", "busy" (for ever reporting something new) and "quit"
(without a report): before its so manieth repetition; "crash loading": FILE; "refused": a file that the GPU does not
take whole; "left": why it ends before it begins; "shift": ACCELERATOR -> what is added to its outputs; "platform": of
the app; "version": of the runtime; "device": its name; "runtime": what the runtimes' names begin with; "constant":
whether it computes nothing, and all its outputs are 0.5; "schema": version of its result; "lingers": whether it stays
when it has nothing more to do.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from itertools import count
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from mobile_robust.files import sha256
from mobile_robust.runtimes.registry import runtimes

Arrays = dict[str, np.ndarray]
#: Of a job's model that are copied into its run.
COPIED = ("name", "title", "label", "artifact", "sha256", "precision", "macs", "parameters", "requested", "arithmetic")


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def cut(row: np.ndarray, shapes: dict[str, tuple[int, ...]]) -> Arrays:
    """A row of a test set as tensors by name."""
    ends = np.cumsum([prod(shape) for shape in shapes.values()])
    parts = np.split(row, ends[:-1])
    return {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}


def opened(path: Path, accelerator: str) -> Callable[..., Arrays]:
    """A file's function of its inputs by name."""
    # imported here: an app that computes nothing starts at once
    from ai_edge_litert.interpreter import Interpreter

    from mobile_robust.runtimes.litert_gpu.session import GpuSession

    if path.is_dir():
        session = runtimes()["coreml_mil"].make().open(path)
        return lambda **arrays: session.predict(arrays)
    if accelerator == "cpu":
        return Interpreter(model_path=str(path), num_threads=1).get_signature_runner()
    session = GpuSession(path)
    return lambda **arrays: session.predict(arrays)


class App:
    def __init__(self, folder: Path, job: dict[str, Any], script: dict[str, Any]) -> None:
        self.job, self.script, self.inputs_of = job, script, folder
        self.folder = folder / job["run_id"]
        self.folder.mkdir(exist_ok=True)
        self.done, self.total = 0, sum(len(model["repetitions"]) for model in job["models"])
        self.models: dict[int, Any] = {}
        self.model: int | None = None
        self.result = {
            "schema_version": script.get("schema", 1),
            "created": now(),
            "app": {"platform": script.get("platform", "android"), "name": "double", "version": "1"},
            "device": {"name": script.get("device", "Double D-1"), "os": "Android 14", "abi": "arm64-v8a", "cpus": []},
            "protocol": job["protocol"],
            "runs": [self.run_of(model) for model in job["models"]],
            "complete": False,
        }

    def run_of(self, model: dict[str, Any]) -> dict[str, Any]:
        name = f"{self.script.get('runtime', 'tflite')}_{model['requested']}"
        runtime = {"name": name, "version": self.script.get("version", "2.16.1")}
        return {**{name: model[name] for name in COPIED}, "runtime": runtime, "repetitions": [], "errors": []}

    def main(self) -> None:
        if (self.folder / "result.json").exists():
            return self.end("error", "this run was begun before and broke off")
        self.write("result.json", self.result)
        if "left" in self.script:
            return self.end("error", self.script["left"])
        for index, model in enumerate(self.job["models"]):
            self.model = index
            self.say(f"loading {model['artifact']} on the {model['requested'].upper()}")
            if self.script.get("crash loading") == model["artifact"]:
                os.abort()
            self.load(index, model)
        reason, message = "complete", ""
        for repetition in range(self.job["protocol"]["repetitions"]):
            for index, model in enumerate(self.job["models"]):
                if index not in self.models or repetition not in model["repetitions"]:
                    continue
                self.model = index
                self.say(f"repetition {repetition}: {model['artifact']} on the {model['requested'].upper()}")
                if self.script.get("hot") == self.done:
                    reason, message = "error", "phone too hot: thermal status 4 after 300 s"
                if reason == "complete":
                    self.repeat(index, repetition)
                else:
                    self.add_error(index, f"repetition {repetition}", message)
        self.result["complete"] = True
        self.write("result.json", self.result)
        self.end(reason, message)

    def end(self, reason: str, message: str) -> None:
        digest = hashlib.sha256((self.folder / "result.json").read_bytes()).hexdigest()
        self.write("done.json", {"result_sha256": digest, "reason": reason, "message": message})

    def load(self, index: int, model: dict[str, Any]) -> None:
        run, total, on_gpu = self.result["runs"][index], model["total_ops"], model["requested"] == "gpu"
        run["actual"] = {"accelerator": "gpu" if on_gpu else "xnnpack", "total_ops": total, "placed_ops": total}
        if on_gpu and (not self.script["gpu"] or self.script.get("refused") == model["artifact"]):
            run["actual"]["placed_ops"] -= 3
            plan = f"3 of {total} operations (the execution plan has 4 nodes, 1 is wanted)"
            self.add_error(index, "load", f"the GPU did not take {plan}; a CPU does not stand in")
            return
        path, data = self.inputs_of / model["file"], (self.inputs_of / model["inputs_file"]).read_bytes()
        assert sha256(path) == model["sha256"]
        assert hashlib.sha256(data).hexdigest() == model["inputs_sha256"]
        start = time.perf_counter_ns()
        runner = None if self.script.get("constant") else opened(path, model["requested"])
        run["load_ns"] = time.perf_counter_ns() - start
        count = self.job["protocol"]["inputs"]["count"]
        rows = np.frombuffer(data, "<f4").reshape(count, -1)
        self.models[index] = lambda number: self.infer(runner, model, rows[number])
        start = time.perf_counter_ns()
        self.models[index](0)
        run["first_inference_ns"] = time.perf_counter_ns() - start
        outputs = [self.models[index](number) for number in range(count)]
        run["inputs_sha256"] = model["inputs_sha256"]
        run["outputs_sha256"] = [hashlib.sha256(output).hexdigest() for output in outputs]
        (self.folder / f"outputs_{index}.f32").write_bytes(b"".join(outputs[: self.job["kept_outputs"]]))

    def add_error(self, index: int, where: str, message: str) -> None:
        self.result["runs"][index]["errors"].append({"when": now(), "where": where, "message": message})

    def infer(self, runner: Callable[..., Arrays] | None, model: dict[str, Any], row: np.ndarray) -> bytes:
        if runner is None:
            return b"".join(np.full(tensor["shape"], 0.5, "<f4").tobytes() for tensor in model["outputs"])
        outputs = runner(**cut(row, {tensor["name"]: tensor["shape"] for tensor in model["inputs"]}))
        shift = np.float32(self.script.get("shift", {}).get(model["requested"], 0))
        return b"".join((outputs[tensor["name"]] + shift).astype("<f4").tobytes() for tensor in model["outputs"])

    def repeat(self, index: int, repetition: int) -> None:
        faults = {"crash": os.abort, "quit": partial(os._exit, 0), "hang": signal.pause}
        faults["busy"] = self.be_busy
        faults["killed"] = partial(os.kill, os.getpid(), signal.SIGKILL)
        for name, happen in faults.items():
            if self.script.get(name) == self.done:
                happen()
        protocol, infer = self.job["protocol"], self.models[index]
        time.sleep(protocol["cool_down_seconds"])
        runs, end = 0, time.monotonic() + protocol["warm_up_seconds"]
        while runs < protocol["warm_up_runs"] or time.monotonic() < end:
            infer(0)
            runs += 1
        begun, samples = now(), []
        for number in range(protocol["inputs"]["count"]):
            start = time.perf_counter_ns()
            infer(number)
            samples.append(time.perf_counter_ns() - start)
        state = {"thermal_status": 0, "battery_percent": 80}
        self.result["runs"][index]["repetitions"].append(
            {"index": repetition, "start": begun, "samples_ns": samples, "state_before": state, "state_after": state}
        )
        self.write("result.json", self.result)
        self.done += 1
        self.say("measured")

    def be_busy(self) -> None:
        for number in count():
            self.say(f"step {number}")
            time.sleep(0.05)

    def say(self, what: str) -> None:
        alive = time.time_ns() // 1_000_000
        progress = {"done": self.done, "total": self.total, "what": what, "model": self.model, "alive": alive}
        self.write("progress.json", progress)

    def write(self, name: str, document: dict[str, Any]) -> None:
        temporary = self.folder / f"{name}.tmp"
        temporary.write_text(json.dumps(document))
        temporary.replace(self.folder / name)


if __name__ == "__main__":
    home = Path(sys.argv[1])
    script = json.loads(sys.argv[3])
    App(home, json.loads((home / sys.argv[2]).read_text()), script).main()
    if script.get("lingers"):
        signal.pause()
