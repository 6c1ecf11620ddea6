"""Nothing answered is lost, nothing is answered twice, and nothing of other photos gets in."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.errors import InputError
from mobile_robust.evaluation.measure import Evaluator
from mobile_robust.evaluation.models import Model
from mobile_robust.evaluation.records import FILE, Records
from mobile_robust.evaluation.settings import CLEAN, CorruptionSetting
from mobile_robust.files import resume_key
from tests.evaluation.fakes import ALONE, flat_photos, model

SETTINGS = [CLEAN, CorruptionSetting("jpeg", 25), CorruptionSetting("jpeg", 7), CorruptionSetting("fog", 3)]


@pytest.fixture
def photos(tmp_path: Path) -> PhotoDataset:
    return flat_photos(tmp_path / "photos", 10)


def fill(
    folder: Path | None, photos: PhotoDataset, models: list[Model], settings: list[CorruptionSetting], most: int = 999
) -> int:
    """Answers at most so many tasks that are missing; returns how many answers that were."""
    records, measure, answers = Records(folder, photos, 0), Evaluator(models, photos, 0), 0
    for task in list(records.missing(models, settings))[:most]:
        records.add(task, measure(task), models)
        answers += task.count
    records.close()
    return answers


def test_only_what_is_missing_is_answered(photos: PhotoDataset, tmp_path: Path) -> None:
    assert fill(tmp_path / "out", photos, [ALONE], SETTINGS[:3], most=3) == (8 + 16) + 2  # a slice, and two photos
    assert fill(tmp_path / "out", photos, [ALONE], SETTINGS[:3]) == 4
    assert fill(tmp_path / "out", photos, [ALONE], SETTINGS) == 10  # a corruption more
    assert fill(tmp_path / "out", photos, [model("other"), ALONE], SETTINGS) == 40  # a model more
    assert fill(tmp_path / "out", photos, [ALONE], SETTINGS) == 0


def test_in_memory_and_from_the_file_are_the_same(photos: PhotoDataset, tmp_path: Path) -> None:
    fill(tmp_path / "out", photos, [ALONE], SETTINGS)
    read, memory = Records(tmp_path / "out", photos, 0), Records(None, photos, 0)
    for task in list(memory.missing([ALONE], SETTINGS)):
        memory.add(task, Evaluator([ALONE], photos, 0)(task), [ALONE])
    for setting in SETTINGS:
        assert read.ranks(ALONE, setting).tolist() == memory.ranks(ALONE, setting).tolist()


def test_another_seed_is_measured_apart_and_both_are_kept(photos: PhotoDataset, tmp_path: Path) -> None:
    fill(tmp_path / "out", photos, [ALONE], [CLEAN])
    records = Records(tmp_path / "out", photos, 1)
    assert sum(task.count for task in records.missing([ALONE], [CLEAN])) == 10
    records.close()
    assert fill(tmp_path / "out", photos, [ALONE], [CLEAN]) == 0


@pytest.mark.parametrize("cut", [1, 30])
def test_an_unfinished_last_line_is_told_and_answered_again(photos: PhotoDataset, tmp_path: Path, cut: int) -> None:
    fill(tmp_path / "out", photos, [ALONE], SETTINGS)
    path = tmp_path / "out" / FILE
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    records = Records(tmp_path / "out", photos, 0)
    lines = len(whole.splitlines())
    assert records.notice and f"line {lines} is unfinished" in records.notice
    records.close()
    assert fill(tmp_path / "out", photos, [ALONE], SETTINGS) == 2 and path.read_bytes() == whole


def test_a_file_that_ends_in_its_first_line_begins_anew(photos: PhotoDataset, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"pho')
    assert fill(tmp_path, photos, [ALONE], [CLEAN]) == 10 and fill(tmp_path, photos, [ALONE], [CLEAN]) == 0


def test_answers_to_other_photos_or_labels_are_left_alone(photos: PhotoDataset, tmp_path: Path) -> None:
    fill(tmp_path / "out", photos, [ALONE], [CLEAN])
    before = (tmp_path / "out" / FILE).read_bytes()
    with pytest.raises(InputError, match=r"out: its predictions are of 10 other photos or other labels"):
        Records(tmp_path / "out", flat_photos(tmp_path / "photos", 9), 0)
    with pytest.raises(InputError, match=r"other labels"):
        Records(tmp_path / "out", replace(photos, labels=(9, *photos.labels[1:])), 0)
    assert (tmp_path / "out" / FILE).read_bytes() == before


@pytest.mark.parametrize("line", ["{}", "[]", "broken", '{"seed":0,"from":9,"places":{"m":{"clean":"00"}}}'])
def test_a_broken_line_is_named(photos: PhotoDataset, tmp_path: Path, line: str) -> None:
    fill(tmp_path, photos, [ALONE], [CLEAN])
    with (tmp_path / FILE).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(InputError, match=r"answers\.jsonl, line 4: broken .* delete this line"):
        Records(tmp_path, photos, 0)


def test_two_runs_do_not_write_into_one_file(photos: PhotoDataset, tmp_path: Path) -> None:
    first = Records(tmp_path, photos, 0)
    with pytest.raises(InputError, match="another process is writing there"):
        Records(tmp_path, photos, 0)
    first.close()
    Records(tmp_path, photos, 0).close()


def test_a_folder_that_cannot_be_made_is_named(photos: PhotoDataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--out .*file/out: .*Not a directory"):
        Records(tmp_path / "file" / "out", photos, 0)


def test_a_photo_has_one_digit_a_condition(photos: PhotoDataset, tmp_path: Path) -> None:
    fill(tmp_path, photos, [ALONE], [CLEAN])
    head, first, second = map(json.loads, (tmp_path / FILE).read_text().splitlines())
    assert head == {"photos": 10, "sha256": resume_key([photos.digest, photos.labels])}
    assert [len(line["places"]["baseline"]["clean"]) for line in (first, second)] == [8, 2]
