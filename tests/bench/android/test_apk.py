"""The app is really built and checked, where the tools are; a wrong tool or app is said in one message."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import mobile_robust
from mobile_robust.bench.android.apk import build as apk
from mobile_robust.bench.android.apk import steps, toolchain, verify
from mobile_robust.bench.android.apk.app import BENCH
from mobile_robust.bench.android.apk.coordinates import parse, read_dependencies, sources
from mobile_robust.bench.android.apk.maven import fetch
from mobile_robust.bench.android.apk.signing import sign
from mobile_robust.bench.android.apk.toolchain import DEXER, Toolchain
from mobile_robust.errors import InputError
from mobile_robust.files import user_cache
from mobile_robust.tflite.op_versions import RUNTIME_VERSION
from tests.bench.android.harness import REQUIRED, skip

#: Builds the app, or reads what was built.
SLOW = pytest.mark.slow
pytestmark = pytest.mark.device
#: The APK, and what was said of it.
Built = tuple[Path, list[str]]
#: Sources that tests replace.
PATHS = {"manifest": "AndroidManifest.xml", "extra": "app/src/main/java/org/mobilerobust/bench/Extra.java"}
VERSION_CODE = steps.version_code(mobile_robust.__version__)


@pytest.fixture(scope="session")
def tools() -> Toolchain:
    """Of this machine. Only a run that asks for android downloads what is missing of Maven Central."""
    scopes = read_dependencies(sources())
    needed = [DEXER, *scopes["app"], *scopes["compile"]]
    if not REQUIRED and any(not (user_cache() / "maven" / parse(text).path).is_file() for text in needed):
        skip("artifacts are not in the cache; MOBILE_ROBUST_REQUIRE=android downloads them")
    try:
        fetch(scopes["app"])
        return toolchain.find(sources())
    except InputError as error:
        skip(str(error))


@pytest.fixture(scope="session")
def built(tools: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Built:
    said: list[str] = []
    return apk.build_apk(tmp_path_factory.mktemp("apk") / "android_bench", said.append), said


@pytest.fixture(scope="session")
def seen(built: Built, tools: Toolchain) -> dict[str, str]:
    """What the tools see in the APK; tests spoil it."""
    path, _ = built
    return {
        "badging": tools.run("aapt2", "dump", "badging", path),
        "manifest": tools.run("aapt2", "dump", "xmltree", path, "--file", "AndroidManifest.xml"),
        "signature": tools.run("apksigner", "verify", "--verbose", "--min-sdk-version", "26", path),
        "code": tools.run("dexdump", "-d", path),
    }


@pytest.fixture
def changed(tools: Toolchain, tmp_path: Path) -> Callable[..., Path]:
    """Builds an unsigned APK from sources with other files in them."""

    def build(**files: str) -> Path:
        folder = Path(shutil.copytree(sources(), tmp_path / "elsewhere" / "sources"))
        for name, content in files.items():
            (folder / PATHS[name]).write_text(content)
        (tmp_path / "scratch").mkdir()
        return apk.assemble(folder, tools, tmp_path / "scratch")

    return build


@SLOW
def test_the_app_is_what_it_must_be(built: Built, seen: dict[str, str]) -> None:
    path, said = built
    assert path.name == "mobile-robust-bench.apk"
    assert [p.name for p in path.parent.iterdir() if not p.name.startswith(".")] == [path.name]
    assert said[-2].startswith(f"org.mobilerobust.bench, version code {VERSION_CODE}, Android 8.0 (API 26) and later, ")
    assert said[-1].startswith("libtensorflowlite_gpu_jni.so, libtensorflowlite_jni.so: made for pages of 4 KB")
    assert f"versionName='{mobile_robust.__version__}'" in seen["badging"]
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        assert names == sorted(names)
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert json.loads(archive.read(apk.RECORD))["runtime"] == {"name": "tflite", "version": RUNTIME_VERSION}
    libraries = ("libmobile_robust_xnnpack.so", "libtensorflowlite_gpu_jni.so", "libtensorflowlite_jni.so")
    assert [name for name in names if name.startswith("lib/")] == [
        f"lib/{abi}/{library}" for abi in ("arm64-v8a", "x86_64") for library in libraries
    ]
    sizes = verify.page_sizes(path)
    assert [sizes[f"lib/{abi}/{libraries[0]}"] for abi in toolchain.ABIS] == [16384, 16384]
    assert list(verify.library_problems(sizes, BENCH)) == []
    del sizes[f"lib/x86_64/{libraries[0]}"]
    assert list(verify.library_problems(sizes, BENCH)) == [f"there is no {libraries[0]} for x86_64"]


@SLOW
def test_the_licences_are_in_it(built: Built, tools: Toolchain) -> None:
    """As the artifacts themselves bring them: nothing of theirs may be passed on without."""
    linked = fetch(read_dependencies(sources())["app"])
    texts = verify.licences(built[0])
    assert len(texts) == len(linked) == 4
    for coordinate, library in linked.items():
        with zipfile.ZipFile(library) as archive:
            assert texts[verify.licence_path(coordinate)].encode() == archive.read("LICENSE")
    assert list(verify.licence_problems(texts, list(linked))) == []
    missing, other, *_ = linked
    del texts[verify.licence_path(missing)]
    texts[verify.licence_path(other)] = "All rights reserved"
    assert list(verify.licence_problems(texts, list(linked))) == [
        f"the licence of {missing} is not in it",
        f"the licence of {other} is not in it",
    ]


@SLOW
def test_same_sources_same_bytes(built: Built, tools: Toolchain, changed: Callable[..., Path], tmp_path: Path) -> None:
    """From another folder, even the signature is the same: the key was kept, and RSA throws no dice."""
    assert sign(changed(), tools, tmp_path).read_bytes() == built[0].read_bytes()


@SLOW
def test_an_apk_of_other_sources_is_not_current(built: Built, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path, _ = built
    assert apk.current_apk(path.parent) == path
    assert apk.current_apk(tmp_path) is None
    (tmp_path / path.name).write_bytes(path.read_bytes()[:100_000])
    assert apk.current_apk(tmp_path) is None
    folder = Path(shutil.copytree(sources(), tmp_path / "sources"))
    monkeypatch.setattr(apk, "sources", lambda: folder)
    assert apk.current_apk(path.parent) == path
    with (folder / "core/src/main/java/org/mobilerobust/bench/core/Json.java").open("a") as file:
        file.write("// changed\n")
    assert apk.current_apk(path.parent) is None


@SLOW
def test_an_app_that_asks_for_more_is_refused(tools: Toolchain, changed: Callable[..., Path], tmp_path: Path) -> None:
    manifest = (sources() / "AndroidManifest.xml").read_text()
    service = '<service android:name="org.mobilerobust.bench.Extra" android:exported="true" /></application>'
    internet = '<uses-permission android:name="android.permission.INTERNET" /><application'
    extra = "package org.mobilerobust.bench; final class Extra { final Runnable nothing = () -> { }; }"
    spoiled = manifest.replace("</application>", service).replace("<application", internet)
    path = sign(changed(manifest=spoiled, extra=extra), tools, tmp_path)
    with pytest.raises(InputError) as caught:
        verify.verify(path, BENCH, read_dependencies(sources())["app"], tools, VERSION_CODE + 1)
    assert [problem.split(":")[0] for problem in str(caught.value).split(": ", 1)[1].split("; ")][:4] == [
        f"version code is {VERSION_CODE}, must be {VERSION_CODE + 1}",
        "it asks for android.permission.INTERNET",
        "org.mobilerobust.bench.Extra is open to other apps",
        "there is invoke-custom",
    ]


@SLOW
def test_a_class_that_does_not_compile(changed: Callable[..., Path]) -> None:
    message = r"javac failed with exit code 1:\n(.*\n)*.*Extra\.java:1: warning: \[rawtypes\]"
    with pytest.raises(InputError, match=message):
        changed(extra="package org.mobilerobust.bench; final class Extra { java.util.List x; }")


@SLOW
def test_a_manifest_that_is_none(changed: Callable[..., Path]) -> None:
    manifest = (sources() / "AndroidManifest.xml").read_text()
    with pytest.raises(InputError, match="aapt2 does not take the manifest as it is:\n.*unexpected element <activty>"):
        changed(manifest=manifest.replace("</application>", "<activty /></application>"))


#: What tools see in an APK -> the function that finds problems there.
PROBLEMS = {
    "badging": partial(verify.badging_problems, app=BENCH, version_code=VERSION_CODE),
    "manifest": partial(verify.manifest_problems, app=BENCH),
    "signature": verify.signature_problems,
}


@SLOW
@pytest.mark.parametrize(
    ("what", "old", "new", "problem"),
    [
        ("badging", "name='org.mobilerobust.bench'", "name='org.example'", "package is org.example, must be org.mobil"),
        ("badging", "\nsdkVersion:'26'", "\nminSdkVersion:'21'", "minSdkVersion is 21, must be 26"),  # build-tools 35
        ("badging", " 'x86_64'", " 'x86' 'x86_64'", "ABIs is 'arm64-v8a' 'x86' 'x86_64', must be 'arm64-v8a' 'x86_64'"),
        ("badging", "application-debuggable\n", "", "it is not debuggable, which run-as asks for"),
        ("badging", "native-code:", "uses-permission-sdk-23: name='a.b'\nnative-code:", "it asks for a.b"),
        ("manifest", "exported(0x01010010)=true", "exported(0x01010010)=false", "must be exported, and guarded by "),
        ("manifest", "E: activity ", "E: receiver ", "there is no activity org.mobilerobust.bench.BenchActivity"),
        ("manifest", 'BenchActivity"', 'OtherActivity"', "OtherActivity is open to other apps"),
        ("manifest", "required(0x0101028e)=false", "required(0x0101028e)=true", "it does not ask for libOpenCL.so"),
        ("signature", "Scheme v2): true", "Scheme v2): false", "there is no signature of scheme v2"),
    ],
)
def test_what_tools_see_is_checked(seen: dict[str, str], what: str, old: str, new: str, problem: str) -> None:
    text, problems = seen[what], PROBLEMS[what]
    assert list(problems(text)) == []
    assert old in text
    assert any(problem in found for found in problems(text.replace(old, new)))


@SLOW
def test_classes(seen: dict[str, str]) -> None:
    text = seen["code"]
    assert list(verify.code_problems(text, BENCH)) == []
    lines = text.splitlines()
    without = "\n".join(line for line in lines if "Class descriptor  : 'Lorg/tensorflow/lite/gpu/" not in line)
    missing, used = verify.code_problems(without, BENCH)
    assert missing == "there is no class org.tensorflow.lite.gpu.GpuDelegate"
    assert used.startswith("classes are used that are not there: org.tensorflow.lite.gpu.")
    (polymorphic,) = verify.code_problems(text.replace("invoke-static", "invoke-polymorphic"), BENCH)
    assert polymorphic.startswith("there is invoke-polymorphic")


def test_every_tool_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ANDROID_HOME", "ANDROID_SDK_ROOT", "JAVA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    message = (
        r"cannot be built without java, javac, keytool, aapt2, zipalign, apksigner, dexdump, clang, ld.lld: .*"
        r"apt-get install aapt apksigner clang default-jdk-headless dexdump lld zipalign\), .*ANDROID_HOME"
    )
    with pytest.raises(InputError, match=message):
        toolchain.find(sources())


def program(path: Path, text: str = "") -> Path:
    """A shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_an_installed_sdk_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sdk, names = tmp_path / "sdk", ("aapt2", "zipalign", "apksigner", "dexdump", "d8")
    for version in ("9.0.0", "35.0.1", "36.0.0-rc1", "debian"):
        for name in names:
            program(sdk / "build-tools" / version / name)
    program(sdk / "build-tools/35.0.1/dexdump").unlink()
    for name in ("java", "javac", "keytool", "aapt2", "dexdump", "clang", "ld.lld"):
        program(tmp_path / "path" / name)
    for platform in ("android-34", "android-36"):
        program(sdk / "platforms" / platform / "android.jar")
    monkeypatch.delenv("ANDROID_HOME", raising=False)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("ANDROID_SDK_ROOT", str(sdk))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    found = toolchain.find(sources())
    assert (found.framework, found.dx) == (sdk / "platforms/android-34/android.jar", None)
    for name in ("aapt2", "d8"):
        assert found.programs[name] == sdk / "build-tools/35.0.1" / name
    assert found.programs["dexdump"] == tmp_path / "path/dexdump"
    monkeypatch.setenv("ANDROID_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="ANDROID_HOME=.*nowhere: not a folder"):
        toolchain.find(sources())


def test_d8_gets_jars(tmp_path: Path) -> None:
    """A d8 that writes its arguments and each jar's listing instead of code."""
    script = 'for last; do :; done; for a; do echo "$a"; done > "$7/classes.dex"; cp "$last" "$7/last.jar"'
    classes = tmp_path / "classes" / "org"
    classes.mkdir(parents=True)
    (classes / "A.class").write_bytes(b"A")
    (tmp_path / "library.jar").write_bytes(b"jar")
    found = Toolchain({"d8": program(tmp_path / "d8", script)}, tmp_path / "android.jar", None)
    dex = found.dex([tmp_path / "library.jar", classes.parent], tmp_path)
    options = f"--release --lib {tmp_path}/android.jar --min-api 26 --output {tmp_path} {tmp_path}/library.jar"
    assert dex.read_text().split()[:8] == options.split()
    with zipfile.ZipFile(tmp_path / "last.jar") as jar:
        assert jar.read("org/A.class") == b"A"


def test_what_a_tool_says_when_it_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    programs = {
        "failing": program(tmp_path / "failing", "echo 'Error: this' >&2; seq 30; exit 3"),
        "absent": tmp_path / "absent",
        "slow": program(tmp_path / "slow", "exec sleep 10"),
    }
    found = Toolchain(programs, tmp_path / "android.jar", None)
    message = r"failing failed with exit code 3:\nError: this\n1\n(.*\n)*19\n\(and 11 lines more\)$"
    with pytest.raises(InputError, match=message):
        found.run("failing")
    with pytest.raises(InputError, match="absent: cannot be run: No such file or directory"):
        found.run("absent")
    monkeypatch.setattr(toolchain, "_TIMEOUT_SECONDS", 0.2)
    with pytest.raises(InputError, match="slow: nothing came of it in 0.2 s"):
        found.run("slow")


def test_version_codes_grow() -> None:
    versions = ("0.1.0", "0.1.1", "0.2.0.dev3", "0.10.0", "1.0.0rc1", "1.2.3+local")
    codes = [steps.version_code(version) for version in versions]
    assert codes == sorted(set(codes)) == [100, 101, 200, 1000, 10000, 10203]
    with pytest.raises(ValueError, match="does not begin with three numbers"):
        steps.version_code("1.0")
