"""What an APK must be before a phone gets it, as ``aapt2``, ``apksigner``, ``dexdump`` and ``zipalign`` see it."""

from __future__ import annotations

import re
import struct
import zipfile
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path

from mobile_robust.bench.android.apk.app import App
from mobile_robust.bench.android.apk.coordinates import parse
from mobile_robust.bench.android.apk.toolchain import ABIS, COMPILE_SDK, LARGE_PAGE, MIN_SDK, Toolchain
from mobile_robust.errors import InputError

#: Without it Android 12 and later hide OpenCL from the GPU delegate, which then is slower and says nothing.
_OPENCL = "libOpenCL.so"
_LICENCES = "assets/licences/"
#: Kotlin's own library, of which nothing is called that has such instructions.
_THEIRS = "kotlin/"


def verify(apk: Path, app: App, linked: Sequence[str], tools: Toolchain, version_code: int) -> list[str]:
    """Checks a signed APK, which must be this app, linked from these coordinates, with this version code; gives what
    it is, a line each, for the user.

    Raises InputError that names all that is not as it must be."""
    tools.run("zipalign", "-c", "-p", "4", apk)
    problems = [
        *badging_problems(tools.run("aapt2", "dump", "badging", apk), app, version_code),
        *manifest_problems(tools.run("aapt2", "dump", "xmltree", apk, "--file", "AndroidManifest.xml"), app),
        *signature_problems(tools.run("apksigner", "verify", "--verbose", "--min-sdk-version", str(MIN_SDK), apk)),
        *code_problems(tools.run("dexdump", "-d", apk), app),
        *library_problems(page_sizes(apk), app),
        *licence_problems(licences(apk), linked),
    ]
    if problems:
        raise InputError(f"the app that was built is not as it must be: {'; '.join(problems)}")
    asked = ", ".join(app.permissions) or "no permission"
    facts = [
        f"{app.package}, version code {version_code}, Android 8.0 (API {MIN_SDK}) and later, {' and '.join(ABIS)}, "
        f"{asked}, signed, {apk.stat().st_size / 1e6:.1f} MB"
    ]
    if small := [name for name, alignment in page_sizes(apk).items() if alignment < LARGE_PAGE]:
        names = sorted({Path(name).name for name in small})
        facts.append(f"{', '.join(names)}: made for pages of 4 KB; a phone with pages of 16 KB has to emulate them")
    return facts


def badging_problems(badging: str, app: App, version_code: int) -> Iterator[str]:
    """Of ``aapt2 dump badging``: package, versions, ABIs, permissions, and what the launcher shows."""
    expected = {
        "package": (r"^package: name='([^']*)'", app.package),
        "version code": (r"^package: .*? versionCode='([^']*)'", str(version_code)),
        "minSdkVersion": (r"^(?:minS|s)dkVersion:'([^']*)'", str(MIN_SDK)),
        "targetSdkVersion": (r"^targetSdkVersion:'([^']*)'", str(COMPILE_SDK)),
        "ABIs": (r"^native-code: (.*?)$", " ".join(f"'{abi}'" for abi in ABIS)),
    }
    if app.guard is None:
        expected["activity of the launcher"] = (r"^launchable-activity: name='([^']*)'", app.activity)
    for what, (pattern, value) in expected.items():
        found = re.search(pattern, badging, re.MULTILINE)
        if found is None or found[1].strip() != value:
            yield f"{what} is {found[1].strip() if found else 'missing'}, must be {value}"
    if bool(re.search(r"^application-debuggable$", badging, re.MULTILINE)) != app.debuggable:
        yield "it is not debuggable, which run-as asks for" if app.debuggable else "it is debuggable"
    asked = re.findall(r"^uses-permission[^:]*: name='([^']*)'", badging, re.MULTILINE)
    yield from (f"it asks for {permission}" for permission in asked if permission not in app.permissions)
    yield from (f"it does not ask for {permission}" for permission in app.permissions if permission not in asked)


def manifest_problems(tree: str, app: App) -> Iterator[str]:
    """Of ``aapt2 dump xmltree``: who may start what."""
    elements = [_element(text) for text in re.split(r"^ *E: ", tree, flags=re.MULTILINE)[1:]]
    for kind, component in elements:
        if kind not in ("activity", "activity-alias", "service", "receiver", "provider"):
            continue
        name = component.get("name", "a component without a name")
        if name != app.activity and component.get("exported") != "false":
            yield f"{name} is open to other apps"
        if name == app.activity and (component.get("exported"), component.get("permission")) != ("true", app.guard):
            yield f"{name} must be exported, and guarded by {app.guard or 'no permission'}"
    if ("activity", app.activity) not in ((kind, attributes.get("name")) for kind, attributes in elements):
        yield f"there is no activity {app.activity}"
    if app.opencl and ("uses-native-library", {"name": _OPENCL, "required": "false"}) not in elements:
        yield f"it does not ask for {_OPENCL}, or cannot do without"


def signature_problems(said: str) -> Iterator[str]:
    """Of ``apksigner verify --verbose``, which has itself failed where a signature is wrong."""
    if not re.search(r"^Verified using v2 scheme .*: true$", said, re.MULTILINE):
        yield "there is no signature of scheme v2"


def code_problems(dump: str, app: App) -> Iterator[str]:
    """Of ``dexdump -d``: what must be there, what the oldest Android would not run, and what would be missing there."""
    _, *parts = re.split(r"^ *Class descriptor *: 'L(.*?);'$", dump, flags=re.MULTILINE)
    code = dict(zip(parts[::2], parts[1::2], strict=True))
    own = "".join(text for name, text in code.items() if not name.startswith(_THEIRS))
    for instruction in sorted(set(re.findall(r"\binvoke-(?:custom|polymorphic)\b", own))):
        yield f"there is {instruction}: no lambda and no method reference, please; they are not translated here"
    for name in (app.activity, *app.classes):
        if name.replace(".", "/") not in code:
            yield f"there is no class {name}"
    used = set(re.findall(r"L(org/(?:tensorflow|mobilerobust)/[\w/$]+);", dump))
    if missing := sorted(used - code.keys()):
        yield f"classes are used that are not there: {', '.join(missing).replace('/', '.')}"


def library_problems(libraries: Container[str], app: App) -> Iterator[str]:
    """Of the native libraries' paths in the APK."""
    for abi in ABIS:
        for name in app.libraries:
            if f"lib/{abi}/{name}" not in libraries:
                yield f"there is no {name} for {abi}"


def licence_problems(texts: Mapping[str, str], linked: Sequence[str]) -> Iterator[str]:
    """Of the :func:`licences` in the APK: whoever gets the app must get those of all coordinates it is linked from."""
    for coordinate in linked:
        if "Apache License" not in texts.get(licence_path(coordinate), ""):
            yield f"the licence of {coordinate} is not in it"


def licences(apk: Path) -> dict[str, str]:
    """Path in the APK -> text."""
    with zipfile.ZipFile(apk) as archive:
        names = [name for name in archive.namelist() if name.startswith(_LICENCES)]
        return {name: archive.read(name).decode("utf-8", "replace") for name in names}


def licence_path(coordinate: str) -> str:
    """Where the licence of an artifact lies in the APK."""
    return f"{_LICENCES}{parse(coordinate).artifact}.txt"


def page_sizes(apk: Path) -> dict[str, int]:
    """Native library -> what its segments are aligned to, in bytes: the largest page it can be loaded in."""
    with zipfile.ZipFile(apk) as archive:
        return {name: _alignment(archive.read(name)) for name in archive.namelist() if name.endswith(".so")}


def _element(text: str) -> tuple[str, dict[str, str]]:
    """Name and attributes of one element of the tree; those of its children are not in the text."""
    values = re.findall(r'^ *A: (?:\S*:)?(\w+)(?:\(0x\w+\))?=(?:"([^"]*)"|(\S+))', text, re.MULTILINE)
    return text.split(" ", 1)[0], {name: quoted or plain for name, quoted, plain in values}


def _alignment(library: bytes) -> int:
    """The smallest alignment of a 64-bit ELF file's loaded segments."""
    offset, size, count = struct.unpack_from("<Q", library, 32)[0], *struct.unpack_from("<HH", library, 54)
    headers = (struct.unpack_from("<II6Q", library, offset + index * size) for index in range(count))
    return min(header[-1] for header in headers if header[0] == 1)  # PT_LOAD
