"""No prediction is lost, none is made twice, and none of other photos gets in."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.errors import InputError
from mobile_robust.evaluation.measure import Evaluator
from mobile_robust.evaluation.records import FILE, Records
from mobile_robust.evaluation.settings import CLEAN, CorruptionSetting
from mobile_robust.files import resume_key
from tests.evaluation.fakes import BASELINE, flat_photos, model

SETTINGS = [CLEAN, CorruptionSetting("jpeg", 25), CorruptionSetting("jpeg", 7), CorruptionSetting("fog", 3)]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def photos(tmp_path: Path) -> PhotoDataset:
    return flat_photos(tmp_path / "photos", 10)


def fill(folder, photos, settings=SETTINGS, models=(BASELINE,), most=999) -> tuple[Records, int]:
    """Makes at most so many batches of predictions that are missing, and counts the predictions."""
    evaluator, count = Evaluator(models, photos, 0), 0
    with closing(Records(folder, photos, 0)) as records:
        for batch in list(records.missing(models, settings))[:most]:
            records.add(batch, evaluator(batch), models)
            count += batch.count
    return records, count


def test_only_what_is_missing_is_predicted(photos: PhotoDataset, out: Path) -> None:
    assert fill(out, photos, SETTINGS[:3], most=3)[1] == (8 + 16) + 2  # a slice, and two photos
    assert fill(out, photos, SETTINGS[:3])[1] == 4
    assert fill(out, photos)[1] == 10  # a corruption more
    assert fill(out, photos, models=[model("other"), BASELINE])[1] == 40  # a model more
    read, count = fill(out, photos)
    memory, _ = fill(None, photos)
    assert count == 0
    for setting in SETTINGS:
        assert read.ranks(BASELINE, setting).tolist() == memory.ranks(BASELINE, setting).tolist()


def test_another_seed_is_measured_apart_and_both_are_kept(photos: PhotoDataset, out: Path) -> None:
    fill(out, photos, [CLEAN])
    with closing(Records(out, photos, 1)) as records:
        assert sum(batch.count for batch in records.missing([BASELINE], [CLEAN])) == 10
    assert fill(out, photos, [CLEAN])[1] == 0


@pytest.mark.parametrize("cut", [1, 30])
def test_an_unfinished_last_line_is_named_and_predicted_again(photos: PhotoDataset, out: Path, cut: int) -> None:
    fill(out, photos)
    whole = (out / FILE).read_bytes()
    (out / FILE).write_bytes(whole[:-cut])
    with closing(Records(out, photos, 0)) as records:
        assert records.notice and f"line {len(whole.splitlines())} is unfinished" in records.notice
    assert fill(out, photos)[1] == 2 and (out / FILE).read_bytes() == whole


def test_a_file_that_ends_in_its_first_line_begins_anew(photos: PhotoDataset, out: Path) -> None:
    out.mkdir()
    (out / FILE).write_text('{"pho')
    assert fill(out, photos, [CLEAN])[1] == 10 and fill(out, photos, [CLEAN])[1] == 0


def test_predictions_of_other_photos_or_labels_are_left_alone(photos: PhotoDataset, out: Path) -> None:
    fill(out, photos, [CLEAN])
    before = (out / FILE).read_bytes()
    with pytest.raises(InputError, match=r"out: its predictions are of 10 other photos or other labels"):
        Records(out, flat_photos(photos.folder, 9), 0)
    with pytest.raises(InputError, match=r"other labels"):
        Records(out, replace(photos, labels=(9, *photos.labels[1:])), 0)
    assert (out / FILE).read_bytes() == before


def line(start: int, ranks: str, unreadable: str = "") -> str:
    return f'{{"from":{start},"seed":0,"places":{{"m":{{"clean":"{ranks}"}}}},"unreadable":{{{unreadable}}}}}'


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "[]",
        "broken",
        "[" * 100_000,
        line(9, "00"),
        line(-3, "00"),
        line(0, "-1"),
        line(0, "\u0661"),
        line(0, "0", '"-1":"broken"'),
        line(0, "0", '"10":"broken"'),
    ],
)
def test_a_broken_line_is_named(photos: PhotoDataset, out: Path, line: str) -> None:
    fill(out, photos, [CLEAN])
    with (out / FILE).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(InputError, match=r"answers\.jsonl, line 4: broken .* delete this line"):
        Records(out, photos, 0)


def test_two_runs_do_not_write_into_one_file(photos: PhotoDataset, out: Path) -> None:
    with closing(Records(out, photos, 0)), pytest.raises(InputError, match="another process is writing it"):
        Records(out, photos, 0)
    Records(out, photos, 0).close()


def test_a_folder_that_cannot_be_made_is_named(photos: PhotoDataset, out: Path) -> None:
    out.write_text("")
    with pytest.raises(InputError, match="--out .*out/in: .*Not a directory"):
        Records(out / "in", photos, 0)


def test_a_photo_has_one_digit_a_setting(photos: PhotoDataset, out: Path) -> None:
    fill(out, photos, [CLEAN])
    head, first, second = map(json.loads, (out / FILE).read_text().splitlines())
    assert head == {"photos": 10, "sha256": resume_key([photos.digest, photos.labels])}
    assert [len(line["places"]["baseline"]["clean"]) for line in (first, second)] == [8, 2]
