"""The Xcode project and the app's property list, read as Xcode reads them: no Mac has to be at hand for that."""

from __future__ import annotations

import plistlib
import re
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from pbxproj import XcodeProject

from tests.ios_bench.swift_tools import SOURCES

APP = SOURCES / "app"
PROJECT = APP / "MobileRobustBench.xcodeproj"
MINIMUM_IOS = 16


@pytest.fixture(scope="module")
def project() -> XcodeProject:
    return XcodeProject.load(str(PROJECT / "project.pbxproj"))


def section(project: XcodeProject, kind: str) -> list[Any]:
    return list(project.objects.get_objects_in_section(kind))


def settings(project: XcodeProject) -> dict[str, list[dict[str, str]]]:
    """Name of a configuration -> settings of the project and of the target."""
    found: dict[str, list[dict[str, str]]] = {}
    for configuration in section(project, "XCBuildConfiguration"):
        values = {key: str(configuration.buildSettings[key]) for key in configuration.buildSettings.get_keys()}
        found.setdefault(str(configuration.name), []).append(values)
    return found


def test_every_source_is_in_the_target_and_there(project: XcodeProject) -> None:
    (phase,) = section(project, "PBXSourcesBuildPhase")
    files = [project.objects[project.objects[build].fileRef] for build in phase.files]
    listed = [str(file.path) for file in files]
    assert sorted(listed) == sorted(path.name for path in (APP / "Sources").rglob("*.swift"))
    (group,) = (group for group in section(project, "PBXGroup") if "path" in group)
    assert str(group.path) == "Sources"
    assert sorted(group.children) == sorted(file.get_id() for file in files)


def test_the_target_has_the_packages_libraries(project: XcodeProject) -> None:
    (package,) = section(project, "XCLocalSwiftPackageReference")
    assert (APP / str(package.relativePath) / "Package.swift").is_file()
    wanted = {str(product.productName) for product in section(project, "XCSwiftPackageProductDependency")}
    described = (SOURCES / "Package.swift").read_text(encoding="utf-8")
    assert wanted <= set(re.findall(r'\.library\(name: "(\w+)"', described))
    imported = {
        name
        for path in (APP / "Sources").glob("*.swift")
        for name in re.findall(r"^import (Bench\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert wanted == imported
    (target,) = section(project, "PBXNativeTarget")
    (phase,) = section(project, "PBXFrameworksBuildPhase")
    linked = {str(project.objects[build].productRef) for build in phase.files}
    assert linked == {str(product) for product in target.packageProductDependencies}


def test_both_configurations_build_for_the_same_systems_and_any_team(project: XcodeProject) -> None:
    assert sorted(settings(project)) == ["Debug", "Release"]
    for values in settings(project).values():
        every = values[0] | values[1]
        assert every["IPHONEOS_DEPLOYMENT_TARGET"] == f"{MINIMUM_IOS}.0"
        assert every["PRODUCT_BUNDLE_IDENTIFIER"] == "org.mobilerobust.bench$(DEVELOPMENT_TEAM)"
        assert every["CODE_SIGN_STYLE"] == "Automatic"
        assert (APP / every["INFOPLIST_FILE"]).is_file()
        assert not {"DEVELOPMENT_TEAM", "PROVISIONING_PROFILE_SPECIFIER", "CODE_SIGN_IDENTITY"} & set(every)
    assert f".iOS(.v{MINIMUM_IOS})" in (SOURCES / "Package.swift").read_text(encoding="utf-8")


def test_every_object_that_is_named_is_there(project: XcodeProject) -> None:
    text = (PROJECT / "project.pbxproj").read_text(encoding="utf-8")
    ids = re.findall(r"^\t\t(\w+)(?: /\*.*\*/)? = \{", text, re.MULTILINE)
    assert len(ids) == len(set(ids)) and all(re.fullmatch(r"[0-9A-F]{24}", each) for each in ids)
    assert set(re.findall(r"\b[0-9A-F]{24}\b", text)) == set(ids)


def test_the_property_list_lets_a_computer_exchange_files_with_the_app() -> None:
    values = plistlib.loads((APP / "Info.plist").read_bytes())
    assert values["UIFileSharingEnabled"] is True and values["LSSupportsOpeningDocumentsInPlace"] is True
    assert values["CFBundleIdentifier"] == "$(PRODUCT_BUNDLE_IDENTIFIER)"
    assert values["CFBundleExecutable"] == "$(EXECUTABLE_NAME)" and values["CFBundlePackageType"] == "APPL"
    assert values["CFBundleShortVersionString"] == "$(MARKETING_VERSION)"
    assert values["UILaunchScreen"] == {}  # without one iOS shows the app in a small frame
    assert not [key for key in values if key.endswith("UsageDescription")]  # it asks for no permission


def test_the_scheme_runs_the_target_optimized(project: XcodeProject) -> None:
    scheme = ElementTree.parse(PROJECT / "xcshareddata/xcschemes/MobileRobustBench.xcscheme").getroot()
    (target,) = section(project, "PBXNativeTarget")
    references = list(scheme.iter("BuildableReference"))
    assert references
    for reference in references:
        assert reference.get("BlueprintIdentifier") == target.get_id()
        assert reference.get("BuildableName") == str(project.objects[target.productReference].path)
        assert reference.get("ReferencedContainer") == f"container:{PROJECT.name}"
    (launch,) = scheme.iter("LaunchAction")
    assert launch.get("buildConfiguration") == "Release"


def test_nothing_private_is_in_the_folder() -> None:
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "."], cwd=SOURCES, capture_output=True)
    if listed.returncode:
        pytest.skip("not a checkout")
    for name in listed.stdout.decode().splitlines():
        assert "xcuserdata" not in name and not name.endswith((".mobileprovision", ".p12", ".cer"))
        text = Path(SOURCES, name).read_text(encoding="utf-8")
        assert not re.search(r"/Users/|/home/|DEVELOPMENT_TEAM = |\b[A-Z0-9]{10}\b\.org", text), name
