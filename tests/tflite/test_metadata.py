"""The metadata inside the files, decoded by the schema's field numbers alone."""

from __future__ import annotations

import zipfile
from pathlib import Path

import flatbuffers.table
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from mobile_robust import __version__
from mobile_robust.contracts.tensors import Role, TensorSpec
from mobile_robust.tflite import file as tflite_file
from mobile_robust.tflite import metadata


class Table:
    """A FlatBuffer table, read by field number."""

    def __init__(self, data: bytes, position: int) -> None:
        self._table = flatbuffers.table.Table(data, position)

    def at(self, slot: int) -> int:
        """Where a field is; 0 where it has its default."""
        offset = self._table.Offset(4 + 2 * slot)
        return offset and self._table.Pos + offset

    def byte(self, slot: int) -> int:
        return self._table.Bytes[self.at(slot)]

    def table(self, slot: int) -> Table:
        return Table(self._table.Bytes, self._table.Indirect(self.at(slot)))

    def text(self, slot: int) -> str:
        return self._table.String(self.at(slot)).decode()

    def tables(self, slot: int) -> list[Table]:
        start, count = self._vector(slot)
        return [Table(self._table.Bytes, self._table.Indirect(start + 4 * i)) for i in range(count)]

    def floats(self, slot: int) -> list[float]:
        start, count = self._vector(slot)
        return np.frombuffer(self._table.Bytes, "<f4", count, start).tolist()

    def _vector(self, slot: int) -> tuple[int, int]:
        offset = self.at(slot) - self._table.Pos
        assert self.at(slot), f"field {slot} is missing"
        return self._table.Vector(offset), self._table.VectorLen(offset)


def decode(data: bytes) -> tuple[Table, list[Table], list[Table]]:
    """ModelMetadata, and the TensorMetadata of inputs and outputs."""
    assert data[4:8] == b"M001"
    model = Table(data, int.from_bytes(data[:4], "little"))
    (graph,) = model.tables(3)
    return model, graph.tables(2), graph.tables(3)


def normalization(tensor: Table) -> tuple[list[float], list[float]]:
    (unit,) = tensor.tables(4)
    assert unit.byte(0) == 1  # NormalizationOptions
    options = unit.table(1)
    return options.floats(0), options.floats(1)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_the_files_say_what_their_tensors_mean(module_build: Path, precision: str) -> None:
    file = tflite_file.read(module_build / f"small_{precision}.tflite")
    model, inputs, outputs = decode(file.metadata["TFLITE_METADATA"])
    assert (model.text(0), model.text(2), model.text(4)) == ("small", __version__, "mobile-robust")
    assert "weights: random.safetensors" in model.text(1) and "untrained: latency only" in model.text(1)
    by_name = {tensor.text(0): tensor for tensor in inputs}
    # the entries are in the order of the file's own inputs
    assert [t.text(0) for t in inputs] == list(file.inputs)
    image = by_name["image"]
    assert image.text(1) == "RGB photo, 64x64, values in [0, 255]"
    content = image.table(3)
    assert content.byte(0) == 2 and content.table(1).byte(0) == 1  # ImageProperties, RGB
    assert normalization(image) == ([0.0], [1.0])
    assert (image.table(5).floats(0), image.table(5).floats(1)) == ([255.0], [0.0])  # Stats: max, min
    features = by_name["features"]
    assert features.text(1).startswith("features of mobilenetv2_100 behind layer bn1; the backbone's stem takes")
    assert not any(features.at(slot) for slot in (3, 4, 5))
    (repaired,) = outputs
    assert repaired.text(0) == "repaired" and repaired.text(1).startswith("repaired features of mobilenetv2_100")


def test_a_file_that_takes_0_to_1_is_divided_by_255() -> None:
    spec = TensorSpec("image", Role.IMAGE, "a photo", (0.0, 1.0))
    model, (image,), outputs = decode(metadata.pack("näme", "d", "1", [spec], []))
    assert model.text(0) == "näme" and outputs == []
    assert normalization(image) == ([0.0], [255.0])
    assert image.table(5).floats(0) == [1.0]


def test_the_logits_name_the_file_of_their_classes() -> None:
    specs = [TensorSpec(name, role, "d") for name, role in (("logits", Role.LOGITS), ("mask", Role.FEATURES))]
    _, _, (logits, mask) = decode(metadata.pack("n", "d", "1", [], specs, classes=True))
    (file,) = logits.tables(6)
    assert file.text(0) == metadata.LABELS and file.byte(2) == 2  # TENSOR_AXIS_LABELS
    assert not mask.at(6)
    _, _, (logits, _) = decode(metadata.pack("n", "d", "1", [], specs))
    assert not logits.at(6)


def test_classes_lie_in_an_archive_behind_the_model_which_still_runs(module_build: Path, tmp_path: Path) -> None:
    before, after = module_build / "small_fp32.tflite", tmp_path / "named.tflite"
    names = ["tench, Tinca tinca", "Löwe"]
    after.write_bytes(metadata.with_classes(before.read_bytes(), names))
    assert after.read_bytes() == metadata.with_classes(before.read_bytes(), names), "the bytes depend on the time"
    with zipfile.ZipFile(after) as archive:
        assert archive.namelist() == [metadata.LABELS]
        assert archive.read(metadata.LABELS).decode().splitlines() == names
        assert archive.infolist()[0].compress_type == zipfile.ZIP_STORED
    assert tflite_file.read(after).metadata == tflite_file.read(before).metadata
    interpreter = Interpreter(str(after))
    interpreter.allocate_tensors()
    interpreter.invoke()
    assert metadata.with_classes(b"model", ()) == b"model"


def test_attaching_keeps_what_is_there_and_the_file_runs(module_build: Path, tmp_path: Path) -> None:
    before = module_build / "small_fp32.tflite"
    after = tmp_path / "more.tflite"
    after.write_bytes(metadata.attach(before.read_bytes(), {"mine": b"hello"}))
    old, new = tflite_file.read(before), tflite_file.read(after)
    assert new.metadata == {**old.metadata, "mine": b"hello"}
    assert (new.inputs.keys(), new.op_counts) == (old.inputs.keys(), old.op_counts)
    generator = np.random.default_rng(0)
    sample = {name: generator.random(t.shape, np.float32) for name, t in old.inputs.items()}
    answers = [Interpreter(str(path)).get_signature_runner()(**sample)["repaired"] for path in (before, after)]
    np.testing.assert_array_equal(*answers)
