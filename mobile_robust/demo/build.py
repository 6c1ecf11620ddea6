"""The demo app as a signed APK: the app kit of a build, a camera, and two files to switch between."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

from mobile_robust import __version__
from mobile_robust.bench.android.apk.app import App
from mobile_robust.bench.android.apk.coordinates import parse, read_dependencies, sources
from mobile_robust.bench.android.apk.maven import fetch
from mobile_robust.bench.android.apk.steps import build, compile_java, link, pack, unpack
from mobile_robust.bench.android.apk.toolchain import Toolchain, find
from mobile_robust.bench.android.apk.verify import licence_path
from mobile_robust.bench.models import Model
from mobile_robust.export.app_kit.kit import FOLDER, LABELS, write_app_kit
from mobile_robust.options import make_folder

_PACKAGE = "org.mobilerobust.demo"
DEMO = App(
    apk="mobile-robust-demo.apk",
    package=_PACKAGE,
    activity=f"{_PACKAGE}.DemoActivity",
    permissions=("android.permission.CAMERA",),
    classes=("com.example.classifier.Classifier", "kotlin.jvm.internal.Intrinsics", "org.tensorflow.lite.Interpreter"),
)
#: Of dependencies.txt: what of the benchmark app's libraries, and of the compiler's, the app is linked from.
_LIBRARIES, _KOTLIN = ("tensorflow-lite", "tensorflow-lite-api"), "kotlin-stdlib"
_MANIFEST, _CODE, _RESOURCES = "demo/AndroidManifest.xml", "demo/src/main/java", "app/src/main/res"
#: In the APK: which files are in it.
RECORD = "assets/build.json"
#: The library's jar brings no text of its licence; the runtime's brings it.
_KOTLIN_LICENCE = """The Kotlin Standard Library.
Copyright JetBrains s.r.o. and Kotlin Programming Language contributors.
Licensed under the Apache License, Version 2.0, whose text is in tensorflow-lite.txt beside this file.
"""


def build_demo(repaired: Model, baseline: Model, out: Path, notify: Callable[[str], None] = lambda _: None) -> Path:
    """The path of the APK of a TFLite file with the module and one without, in the folder ``out``; see :func:`build`.

    Raises:
        InputError: Tools are missing, Maven Central cannot be reached, a tool failed, or the APK fails a check.
    """
    folder = sources()
    tools = find(folder, notify)
    make_folder(out)
    return build(DEMO, lambda scratch: assemble(repaired, baseline, folder, tools, scratch, notify), tools, out, notify)


def assemble(
    repaired: Model,
    baseline: Model,
    folder: Path,
    tools: Toolchain,
    scratch: Path,
    notify: Callable[[str], None] = lambda _: None,
) -> tuple[Path, list[str]]:
    """The APK, unsigned, of the sources in ``folder``; and the coordinates of what it is linked from."""
    dependencies = read_dependencies(folder)
    linked = [text for text in dependencies["app"] if parse(text).artifact in _LIBRARIES]
    (kotlin,) = (text for text in dependencies["kotlin"] if parse(text).artifact == _KOTLIN)
    compiler = fetch(dependencies["kotlin"], notify=notify)
    jars, packed = unpack(fetch(linked, notify=notify), scratch / "libraries")
    jars.append(_classes(compiler[kotlin], scratch / "kotlin-stdlib.jar"))
    packed[licence_path(kotlin)] = _KOTLIN_LICENCE.encode()
    notify("resources")
    resources, _ = link(folder / _MANIFEST, folder / _RESOURCES, tools, scratch)
    notify("the app kit's Kotlin")
    kit = scratch / FOLDER
    write_app_kit(repaired.manifest, scratch)
    code = tools.kotlin([*(kit / "android").glob("*.kt")], list(compiler.values()), jars, scratch / "kit")
    notify("classes")
    classes = compile_java([folder / _CODE], [code, *jars], tools, scratch / "classes")
    dex = tools.dex([classes, code, *jars], scratch)
    content = {**resources, **packed, **_assets(repaired, baseline, kit / LABELS), "classes.dex": dex.read_bytes()}
    return pack(content, tools, scratch), [*linked, kotlin]


def _classes(jar: Path, target: Path) -> Path:
    """Without what a jar has for other versions of Java, which dx does not read."""
    with zipfile.ZipFile(jar) as archive, zipfile.ZipFile(target, "w") as plain:
        for name in archive.namelist():
            if name.endswith(".class") and not name.startswith("META-INF/"):
                plain.writestr(name, archive.read(name))
    return target


def _assets(repaired: Model, baseline: Model, labels: Path) -> dict[str, bytes]:
    """Files, names of the classes, and where they come from, by their paths in the APK."""
    models = {"repaired": repaired, "baseline": baseline}
    files = {f"assets/{name}.tflite": model.path.read_bytes() for name, model in models.items()}
    record = {"version": __version__, **{name: _origin(model) for name, model in models.items()}}
    return {**files, f"assets/{LABELS}": labels.read_bytes(), RECORD: json.dumps(record, indent=2).encode()}


def _origin(model: Model) -> dict[str, str]:
    artifact = model.artifact
    return {"recipe": model.manifest.recipe.name, "file": artifact.file, "sha256": artifact.sha256}
