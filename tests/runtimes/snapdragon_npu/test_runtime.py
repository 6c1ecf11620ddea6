"""Small networks compiled for chips and executed by the emulator."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from mobile_robust.contracts.chips import CHIPS
from mobile_robust.contracts.manifest import read_manifest
from mobile_robust.contracts.recipe import Tolerance
from mobile_robust.errors import InputError
from mobile_robust.parity.check import check
from mobile_robust.parity.metrics import check_tolerance, compare
from mobile_robust.parity.reference import load_reference
from mobile_robust.runtimes.base import EngineError, PlacementError
from mobile_robust.runtimes.litert_cpu import LitertCpu
from mobile_robust.runtimes.registry import find
from mobile_robust.runtimes.snapdragon_npu import cli, libraries
from mobile_robust.runtimes.snapdragon_npu.compiler import chip_of, compile_for, versions
from mobile_robust.runtimes.snapdragon_npu.payload import read_payload
from mobile_robust.runtimes.snapdragon_npu.runtime import SnapdragonNpu
from mobile_robust.tflite import file as tflite_file

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("npu")]
HALF, INT8 = Tolerance(max_error=5e-3), Tolerance(snr_db=25.0)


def test_the_chips_are_those_of_litert():
    from ai_edge_litert.aot.vendors.qualcomm.target import SocModel

    assert sorted(CHIPS) == sorted(set(map(str, SocModel)) - {"ALL"})


@pytest.mark.parametrize(
    ("net", "precision", "chip", "tolerance"),
    [
        ("module", "fp32", "SM8650", HALF),
        ("module", "int8", "SM8350", INT8),
        ("module", "int8_io", "SM8650", INT8),
        ("pipeline", "fp16", "SM8650", HALF),
        ("pipeline", "int8", "SM8750", INT8),
    ],
)
def test_equals_pytorch_and_the_cpu(request, capfd, net, precision, chip, tolerance):
    made = request.getfixturevalue(net)
    with LitertCpu().open(made.files[precision]) as session:
        here = session.predict(made.inputs)
    capfd.readouterr()
    with SnapdragonNpu(chip).open(made.files[precision]) as session:
        got, placement = session.predict(made.inputs), session.placement
        again = session.predict({name: np.zeros_like(x) for name, x in made.inputs.items()})
    assert capfd.readouterr() == ("", "")
    total = len(tflite_file.read(made.files[precision]).operations)
    assert (placement.accelerator, placement.total_ops) == (f"npu ({chip}, emulated)", total)
    assert placement.placed_ops == total > 5 and placement.left_over == ()
    for name, expected in made.expected.items():
        assert check_tolerance(compare(expected, got[name]), tolerance, name) == []
        assert check_tolerance(compare(here[name], got[name]), tolerance, name) == []
        assert not np.allclose(got[name], again[name]), "the inputs are not looked at"


def test_an_operation_that_is_left_over_is_named(awkward):
    with pytest.raises(PlacementError, match=r"xor\.tflite: the NPU \(SM8650\) leaves BITWISE_XOR -> .*not supported"):
        SnapdragonNpu().open(awkward["xor"])


def test_a_compiled_file_is_executed_as_it_is_and_keeps_its_name(module, tmp_path):
    out = tmp_path / "compiled.tflite"
    compiled = compile_for("SM8650", module.files["int8"], out)
    assert compiled.op_counts == {"DISPATCH_OP": 1} and compiled.inputs.keys() == module.inputs.keys()
    assert versions()["qairt"].encode() in read_payload(compiled).binary
    with SnapdragonNpu().open(out) as session, SnapdragonNpu().open(module.files["int8"]) as other:
        assert np.array_equal(session.predict(module.inputs)["repaired"], other.predict(module.inputs)["repaired"])
        session._worker._process.kill()
        with pytest.raises(EngineError, match=r"compiled\.tflite: the NPU's emulator failed: .*\(SIGKILL\)"):
            session.predict(module.inputs)


def test_what_was_compiled_already(module, tmp_path):
    out = tmp_path / "compiled.tflite"
    compiled = compile_for("SM8550", module.files["int8"], out)
    assert (chip_of(compiled), chip_of(tflite_file.read(module.files["int8"]))) == ("SM8550", None)
    with pytest.raises(InputError, match=r"compiled\.tflite: was compiled for SM8550, not for SM8650$"):
        SnapdragonNpu().open(out)
    with pytest.raises(InputError, match=r"compiled\.tflite: was compiled already, for SM8550; needed is the file"):
        compile_for("SM8650", out, tmp_path / "again.tflite")
    out.write_bytes(out.read_bytes().replace(b"LiteRtStamp", b"LiteRtOther"))
    with pytest.raises(InputError, match=r"compiled\.tflite: holds DISPATCH_OP, but does not say which chip"):
        SnapdragonNpu("SM8550").open(out)


def test_a_damaged_payload_and_a_file_without_one(module, tmp_path):
    out = tmp_path / "compiled.tflite"
    payload = read_payload(compile_for("SM8650", module.files["fp32"], out)).binary
    content = out.read_bytes()
    out.write_bytes(content.replace(payload, bytes(len(payload))))
    with pytest.raises(EngineError, match=r"compiled\.tflite: the NPU's emulator cannot open it: "):
        SnapdragonNpu().open(out)
    out.write_bytes(content.replace(b"bytecode_offset", b"bytecode_offsex"))
    with pytest.raises(InputError, match="DISPATCH_OP does not say where its payload is"):
        SnapdragonNpu().open(out)
    with pytest.raises(InputError, match="a compiled file holds one DISPATCH_OP"):
        read_payload(tflite_file.read(module.files["fp32"]))


def test_a_chip_that_the_compiler_lacks(module, tmp_path):
    with pytest.raises(PlacementError, match=r"fp32\.tflite: cannot be compiled for SM9999: "):
        compile_for("SM9999", module.files["fp32"], tmp_path / "none.tflite")


def test_parity_of_a_build(module_build):
    """float32 by the bounds of half precision, int8 against PyTorch and against the CPU."""
    manifest, info = read_manifest(module_build), find("snapdragon_npu:SM8550")
    reference, found = load_reference(module_build, manifest).first(1), {}
    for artifact in manifest.artifacts:
        if artifact.target == "tflite":
            found[artifact.precision], samples = check(module_build, artifact, manifest.recipe, reference, [info])
            assert samples.keys() == {info.name}
    assert [(result.runtime, result.against, result.verdict) for result in found["int8"]] == [
        (info.name, None, "pass"),
        (info.name, "litert_cpu", "pass"),
    ]
    assert found["int8"][0].metrics != found["int8"][1].metrics
    (single,) = found["fp32"]
    assert single.tolerance == manifest.recipe.tolerance("fp16") and single.verdict == "pass"
    assert single.metrics["repaired"].max_error > 1e-5
    (int8,) = [a for a in manifest.artifacts if a.precision == "int8"]
    alone = check(module_build, int8, manifest.recipe, reference, [replace(info, integer_against=None)])[0]
    assert [result.against for result in alone] == [None]


def test_setup_tries_it(capsys):
    shutil.rmtree(libraries.folder())
    libraries.forget()
    assert cli.main(["setup"]) == 0 and "\nready: " in capsys.readouterr().out
    assert cli.main(["setup", "--check"]) == 0
    said = capsys.readouterr().out
    assert f"\nQAIRT {versions()['qairt']}\n" in said and "up to date, nothing done: " in said
    assert cli.main(["remove"]) == 0 and "removed " in capsys.readouterr().out
