"""The table of docs/backbones.md: every network of backbones.txt with a module, and the module as a separate file,
converted and verified.

    python conversion/backbones.py [NETWORK ...] [--out DIR] > table.md

Runs the commands of a user, `mobile-robust new` and `mobile-robust convert`, with random weights. What is built stays:
the same command again goes on where it was stopped, and a network whose folder is removed is built anew.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from mobile_robust.contracts.manifest import Artifact, Manifest, ParityResult, read_manifest
from mobile_robust.errors import InputError
from mobile_robust.files import write_atomically

NETWORKS = Path(__file__).with_name("backbones.txt").read_text().split()
#: Of the recipes: few files and few photos, so that a network takes about a minute on two idle cores.
SETTINGS = """
[artifacts]
tflite = ["fp32", "int8"]
coreml = ["fp16"]

[parity]
images = 2
"""
_QUANTIZATION, _CALIBRATION = "[quantization]\n", "calibration_images = 4\n"
#: Columns with a file's error: target, precision, and the runtime that shows it.
FILES = (("tflite", "fp32", "litert_cpu"), ("tflite", "int8", "litert_cpu"), ("coreml", "fp16", "coreml_mil"))
GPU = ("gpu_delegate_ops", "litert_gpu")
COLUMNS = (
    *("network", "module", "its MACs", "TFLite fp32", "TFLite int8", "Core ML fp16"),
    *("GPU delegate's table", "GPU engine", "module file: fp32, int8, Core ML fp16", "why not"),
)
#: Behind a network's name: recipe and build of the module's separate file.
_MODULE = "_module"
_LONGEST_CAUSE = 110


def main() -> int:
    """Builds what is missing, says on stderr how it goes, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "networks", nargs="*", default=NETWORKS, metavar="NETWORK", help="default: all of backbones.txt"
    )
    parser.add_argument("--out", type=Path, default=Path("build/backbones"), metavar="DIR")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
    for number, name in enumerate(options.networks, start=1):
        start = time.monotonic()
        build(name, options.out)
        print(row(name, options.out), flush=True)
        print(f"{number}/{len(options.networks)} {name}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    return 0


def build(name: str, out: Path) -> None:
    """Writes NAME.toml and NAME_module.toml and builds NAME/ and NAME_module/ where they are missing; what the commands
    said is in NAME*.txt."""
    recipe = out / f"{name}.toml"
    if not recipe.exists():
        said = run("new", name, "--module", "afd", "--out", str(recipe))
        write_atomically(out / f"{name}.new.txt", said.encode())
        if not recipe.exists():
            return
        write_atomically(recipe, with_settings(recipe.read_text()).encode())
    module = out / f"{name}{_MODULE}.toml"
    write_atomically(module, module_recipe(recipe.read_text()).encode())
    for each in (recipe, module):
        if not (out / each.stem / "manifest.json").exists():
            said = run("convert", str(each), "--random-backbone", "0", "--out", str(out))
            write_atomically(out / f"{each.stem}.convert.txt", said.encode())


def module_recipe(recipe: str) -> str:
    """A recipe of the module of a pipeline's; the names of its layers have no prefix there."""
    return recipe.replace('scope = "pipeline"', 'scope = "module"').replace('"module.', '"')


def with_settings(recipe: str) -> str:
    """A recipe with fewer files and photos; what ``new`` has written of its quantization stays."""
    if _QUANTIZATION not in recipe:
        recipe += f"\n{_QUANTIZATION}"
    return recipe.replace(_QUANTIZATION, _QUANTIZATION + _CALIBRATION) + SETTINGS


def run(*command: str) -> str:
    """What a command says; it may fail."""
    line = [sys.executable, "-m", "mobile_robust", *command]
    return subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout


def row(name: str, out: Path) -> str:
    """A network's line of the table."""
    said = (out / f"{name}.new.txt").read_text()
    share = re.search(r"\(([+-]\d+%)\)", said)
    try:
        manifest = read_manifest(out / name)
    except InputError:
        texts = [file.read_text() for file in sorted(out.glob(f"{name}.*.txt"))]  # "convert" before "new"
        reason = next(line for text in texts for line in text.splitlines() if line.startswith("error: "))
        return f"| `{name}` | – | – |{' – |' * 6} {short(reason.removeprefix('error: '))} |"
    recipe = manifest.recipe
    assert recipe.backbone is not None
    variant = recipe.options.get("variant", recipe.method)
    where = f"`{variant}` behind `{recipe.backbone.layer}`" if recipe.backbone.layer else f"`{variant}` on the photo"
    cells = [f"`{name}`", where, share[1] if share else "–"]
    cells += [error(manifest, *file) for file in FILES]
    cells += [gpu(manifest, runtime) for runtime in GPU]
    cells.append(module_errors(out / f"{name}{_MODULE}"))
    return f"| {' | '.join(cells)} | {'; '.join(dict.fromkeys(causes(manifest)))} |"


def module_errors(build: Path) -> str:
    """Of the module's files."""
    try:
        manifest = read_manifest(build)
    except InputError:
        return "✗ not made"
    return ", ".join(error(manifest, *file) for file in FILES)


def error(manifest: Manifest, target: str, precision: str, runtime: str) -> str:
    """Of a file against PyTorch, and whether that is within the tolerance."""
    for artifact in manifest.artifacts:
        if (artifact.target, artifact.precision) == (target, precision):
            result = next(result for result in artifact.parity if result.runtime == runtime and not result.against)
            return f"{mark(result)} {figure(result)}".strip()
    return "✗ not made"


def figure(result: ParityResult) -> str:
    """The error that the tolerance bounds."""
    (metrics,) = result.metrics.values() or (None,)
    if metrics is None or result.tolerance is None:
        return ""
    return f"{metrics.snr_db:.1f} dB" if result.tolerance.snr_db and metrics.snr_db else f"{metrics.max_error:.0e}"


def gpu(manifest: Manifest, runtime: str) -> str:
    """The verdicts on a GPU, file by file."""
    own = [(artifact, result) for artifact, result in results(manifest) if result.runtime == runtime]
    marks = [f"{artifact.precision} {mark(result)} {figure(result)}".strip() for artifact, result in own]
    return ", ".join(marks) or "–"


def results(manifest: Manifest) -> Iterator[tuple[Artifact, ParityResult]]:
    for artifact in manifest.artifacts:
        for result in artifact.parity:
            if not result.against:
                yield artifact, result


def mark(result: ParityResult) -> str:
    return {"pass": "✓", "fail": "✗", "skipped": "skipped"}[result.verdict]


def causes(manifest: Manifest) -> Iterator[str]:
    """Why files are missing; and of each file what a check said that has no figure: the last, which looks only."""
    for failed in manifest.failed:
        yield f"{failed.precision}: {short(failed.reason.removeprefix(f'recipe {manifest.recipe.name}: '))}"
    said = {
        artifact.file: f"{artifact.precision} on {result.runtime}: {short(re.sub('^.*[.]tflite: ', '', failure))}"
        for artifact, result in results(manifest)
        for failure in result.failures[:1]
        if not result.metrics
    }
    yield from said.values()


def short(sentence: str) -> str:
    """Its beginning, fit for a table's cell."""
    text = " ".join(sentence.split()).replace("|", "/")
    return text if len(text) <= _LONGEST_CAUSE else f"{text[:_LONGEST_CAUSE].rsplit(' ', 1)[0]} …"


if __name__ == "__main__":
    sys.exit(main())
