"""What Linux cannot build, Core ML, UIKit and SwiftUI, has the right types, as far as the stubs are as Apple documents.

The stubs say nothing of what Apple's code does: that shows on a Mac and on an iPhone only.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mobile_robust.export.app_kit.kit import write_app_kit
from tests.export.app_kit.test_kit import classifier
from tests.ios_bench.swift_tools import MODULES, STUBS, TypeChecker, program, swift_sources

pytestmark = [pytest.mark.slow, pytest.mark.device]

#: Wrong uses of Apple's API: file, what it says, what it must not say.
MISTAKES = (
    ("CoreMLEngine.swift", "configuration.computeUnits =", "configuration.computeUnit ="),
    ("CoreMLEngine.swift", "load(contentsOf: compiled, configuration:", "load(contentsOf: compiled, options:"),
    ("ComputePlan.swift", "case .neuralEngine: return .npu", "case .npu: return .npu"),
    (
        "InputBuffer.swift",
        "array.withUnsafeMutableBytes { bytes, strides in",
        "array.withUnsafeMutableBytes { bytes in",
    ),
)


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> TypeChecker:
    """With the stubs, BenchCore and BenchCoreML."""
    program("swiftc")
    made = TypeChecker(tmp_path_factory.mktemp("modules"))
    for name in MODULES:
        made.module(name, [STUBS / f"{name}.swift"])
    for name in ("BenchCore", "BenchCoreML"):
        made.module(name, swift_sources(f"Sources/{name}"))
    return made


def test_the_app_and_the_tool_for_a_mac(checker: TypeChecker) -> None:
    checker.check("MobileRobustBench", swift_sources("app/Sources"), "-parse-as-library")
    checker.check("benchmark", swift_sources("Sources/benchmark"))


@pytest.mark.parametrize("pixel_buffer", [True, False])
def test_the_code_for_apps(checker: TypeChecker, tmp_path: Path, pixel_buffer: bool) -> None:
    """The app kit's, for a file that takes an image and for one that takes an array."""
    written = write_app_kit(classifier(pixel_buffer=pixel_buffer), tmp_path)
    sources = [path for path in written if path.suffix == ".swift"]
    checker.check("AppKit", sources, "-parse-as-library")
    use = tmp_path / "Use.swift"
    use.write_text("func use(_ each: Prediction) -> Float { each.probability }\n", encoding="utf-8")  # it is a Double
    with pytest.raises(pytest.fail.Exception, match="cannot convert return expression of type 'Double'"):
        checker.check("AppKit", [*sources, use], "-parse-as-library")


def test_a_wrong_use_is_found(checker: TypeChecker, tmp_path: Path) -> None:
    changed = []
    for path in swift_sources("Sources/BenchCoreML"):
        text = path.read_text(encoding="utf-8")
        for name, right, wrong in MISTAKES:
            if name == path.name:
                assert right in text
                text = text.replace(right, wrong)
        changed.append(tmp_path / path.name)
        changed[-1].write_text(text, encoding="utf-8")
    with pytest.raises(pytest.fail.Exception) as failed:
        checker.check("BenchCoreML", changed, "-parse-as-library")
    said = str(failed.value)
    assert "'MLModelConfiguration' has no member 'computeUnit'" in said
    assert "expected 'contentsOf:configuration:'" in said
    assert "'MLComputeDevice' has no member 'npu'" in said
    assert "expects 2 arguments, but 1 was used" in said
