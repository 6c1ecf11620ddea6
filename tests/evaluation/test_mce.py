"""Mean corruption errors by hand, and AlexNet's errors that do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobile_robust.errors import InputError
from mobile_robust.evaluation.mce import mean_corruption_errors, read_errors
from mobile_robust.evaluation.settings import select_settings
from tests.evaluation.fakes import BASELINE
from tests.evaluation.test_scores import right, scored


def errors_file(folder: Path, text: str) -> Path:
    path = folder / "alexnet.csv"
    path.write_text(text)
    return path


def test_mce_by_hand(tmp_path: Path) -> None:
    settings = select_settings(["fog", "snow", "jpeg:7"], [(224, 224)])
    path = errors_file(tmp_path, "corruption,error\nfog,80\nsnow,50\nfrost,60\n")
    alexnet = read_errors(path, settings)
    assert alexnet == {"fog": 80, "snow": 50}
    counts = {"clean": 20, "fog": 12, "snow": 10, "jpeg": 0}
    scores = scored({(BASELINE, s): right(counts[s.corruption]) for s in settings})
    (error,) = mean_corruption_errors(scores, alexnet).values()
    assert error == pytest.approx(100 * (0.4 / 0.8 + 0.5 / 0.5) / 2)


@pytest.mark.parametrize(
    ("text", "corruptions", "message"),
    [
        ("name,error\nfog,80\n", ["fog"], "the first line must be corruption,error"),
        ("corruption,error\nfog,0.8\n", ["fog"], r"line 2: the error must be a percentage.*'0\.8'"),
        ("corruption,error\nfog,nan\n", ["fog"], "line 2: the error must be a percentage"),
        ("corruption,error\nfog,80\nfog,81\n", ["fog"], "line 3: fog for the second time"),
        ("corruption,error\njpeg,80\n", ["fog"], "line 2: unknown corruption of ImageNet-C 'jpeg'; known: .*pixelate"),
        ("corruption,error\nsnow,80\n", ["fog"], "no line for fog"),
        ("corruption,error\nfog,80\n", ["fog:3"], "needs all five severities of fog"),
        ("corruption,error\nfog,80\n", ["jpeg"], "none of ImageNet-C's corruptions is evaluated"),
    ],
)
def test_alexnet_errors_that_do_not_fit_are_refused(
    tmp_path: Path, text: str, corruptions: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=rf"alexnet\.csv.*{message}"):
        read_errors(errors_file(tmp_path, text), select_settings(corruptions, [(224, 224)]))
