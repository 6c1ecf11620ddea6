"""The contract of every entry, whatever its phenomenon; discovery; names on a command line."""

from functools import cache, partial
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobile_robust.corruptions import CORRUPTIONS, IMAGENET_C, by_family, corrupt, registry, select
from mobile_robust.data.images import Photo, built_in_photos
from mobile_robust.errors import InputError

every = pytest.mark.parametrize("name", CORRUPTIONS)

#: Severities that change the kind of the damage (warp to ripples, water to mud, less colour to more).
CHANGING = {"elastic_transform", "spatter", "saturate"}
#: Their random variation exceeds a step: only the mildest and the strongest level are compared.
NOT_STEPWISE = {"imagenetc_mixed", "jpeg_repeated", "frost", "fog", "isp_default", "isp_demosaicing", "isp_gamma"}
#: All that they draw is one of four borders.
FEW_DRAWS = {"fidelity_gaussian_blur_1d", "fidelity_motion_blur_1d"}


@cache
def photos() -> list[Photo]:
    return built_in_photos((96, 96), 5)[::2]


@cache
def is_random(name: str) -> bool:
    entry, rng = CORRUPTIONS[name], np.random.default_rng(0)
    before = rng.bit_generator.state
    entry(photos()[0], entry.levels[-1], rng)
    return rng.bit_generator.state != before


@every
def test_deterministic_in_seed_and_index(name: str) -> None:
    photo, level = photos()[0], CORRUPTIONS[name].levels[-1]
    before = photo.copy()
    first, again, seed, index = (
        corrupt(photo, name, level, *key).tobytes() for key in ((7, 3), (7, 3), (8, 3), (7, 4))
    )
    assert first == again and first != photo.tobytes() and np.array_equal(photo, before)
    assert len({first, seed, index}) == (2 if name in FEW_DRAWS else 3 if is_random(name) else 1)
    apply = CORRUPTIONS[name].apply
    assert ("no randomness" in getattr(apply, "func", apply).__doc__) == (not is_random(name))


@every
@settings(max_examples=3, deadline=None)
@given(height=st.integers(32, 70), width=st.integers(32, 70), seed=st.integers(0, 10**6), grey=st.booleans())
def test_any_size_and_content(name: str, height: int, width: int, seed: int, grey: bool) -> None:
    random = np.random.default_rng(seed)
    photo = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if grey:
        photo[:] = random.choice([0, 128, 255])
    with np.errstate(divide="raise", invalid="raise"):
        for level in CORRUPTIONS[name].levels[:: 1 if name == "spatter" else 4]:
            out = corrupt(photo, name, level, seed, 0)
            assert out.dtype == np.uint8 and out.shape == photo.shape and out.flags.c_contiguous


@pytest.mark.parametrize("name", [name for name in CORRUPTIONS if name not in CHANGING])
def test_damage_grows_with_the_level(name: str) -> None:
    steps = [
        np.mean([np.abs(corrupt(photo, name, level, 0, i).astype(float) - photo)
                 for photo in photos() for i in range(4 if is_random(name) and name != "glass_blur" else 1)])
        for level in CORRUPTIONS[name].levels
    ]  # fmt: skip
    if name in NOT_STEPWISE:
        assert steps[-1] > 1.05 * steps[0], steps
    else:
        assert all(after > 0.97 * before for before, after in pairwise(steps)), steps
        assert steps[-1] > 1.15 * steps[0], steps


@every
def test_described_with_levels_inside_its_limits(name: str) -> None:
    entry, photo = CORRUPTIONS[name], photos()[0]
    assert entry.name == name and entry.description and entry.source
    assert len(entry.parameters) in (0, 5) and len(entry.levels) >= 5
    for level in (*entry.levels, *entry.small_levels):
        entry.check(level)
    if entry.parameters or entry.unit == "severity":
        assert entry.levels == (1, 2, 3, 4, 5)
    least, most = entry.limits
    message = f"corruption {name}: (severity|level) .*: allowed are {'whole numbers from ' * entry.whole}{least:g} to"
    for level in (least - 1, most + 1, float("nan"), float("inf"), *([least + 0.5] if entry.whole else [])):
        for refuse in (partial(corrupt, photo, name, level, 0, 0), partial(select, [f"{name}:{level}"])):
            with pytest.raises(InputError, match=f"{message} {most:g}"):
                refuse()


def test_what_is_there() -> None:
    families = {family: [entry.name for entry in members] for family, members in by_family().items()}
    fifteen = chain.from_iterable(families.pop(family) for family in ("noise", "blur", "weather", "digital"))
    assert tuple(fifteen) == IMAGENET_C and len(IMAGENET_C) == 15
    assert families == {
        "extra": ["speckle_noise", "gaussian_blur_imagenetc", "spatter", "saturate"],
        "light": ["darken", "horizon", "night", "white_point"],
        "mixed": ["imagenetc_mixed"],
        "compression": ["jpeg", "jpeg_repeated", "avif", "webp"],
        "deepcorrect": ["awgn", "gaussian_blur"],
        "fidelity": [
            "fidelity_awgn", "fidelity_awgn_1d", "fidelity_awgn_2d",
            "fidelity_gaussian_blur", "fidelity_gaussian_blur_1d", "fidelity_gaussian_blur_2d",
            "fidelity_motion_blur", "fidelity_motion_blur_1d", "fidelity_motion_blur_2d",
            "fidelity_salt_and_pepper", "fidelity_salt_and_pepper_1d", "fidelity_salt_and_pepper_2d", "fidelity_crop",
        ],
        "isp": ["isp_default", "isp_low_light", "isp_ablation", "isp_demosaicing", "isp_gamma"],
    }  # fmt: skip
    assert len(CORRUPTIONS) == 48
    assert list(CORRUPTIONS) == [entry.name for members in by_family().values() for entry in members]


def test_a_new_module_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rain.py").write_text(
        "from mobile_robust.corruptions.corruption import corruption\n"
        "@corruption('mist', 'mist', family='weather', source='here')\n"
        "@corruption('rain', 'rain', family='water', source='here')\n"
        "def same(photo, level, rng): return photo\n"
    )
    monkeypatch.setattr(registry.phenomena, "__path__", [*registry.phenomena.__path__, str(tmp_path)])
    names = list(registry._discover())
    del registry.REGISTERED[-2:]
    assert names[-1] == "rain" and names.index("mist") == names.index("brightness") + 1
    assert [name for name in names if name not in ("mist", "rain")] == list(CORRUPTIONS)


def test_names_on_a_command_line() -> None:
    def chosen(*texts: str, small: bool = False) -> dict[str, tuple[float, ...]]:
        return {entry.name: levels for entry, levels in select(texts, small).items()}

    assert chosen("fog:3", "light:2", "fog:1", "fog:3", "jpeg", "awgn:7.5") == {
        "fog": (3.0, 1.0), "darken": (2.0,), "horizon": (2.0,), "night": (2.0,), "white_point": (2.0,),
        "jpeg": (25, 18, 15, 10, 7), "awgn": (7.5,),
    }  # fmt: skip
    assert chosen("imagenet_c") == dict.fromkeys(IMAGENET_C, (1, 2, 3, 4, 5))
    assert chosen("deepcorrect") == {"awgn": (10, 20, 40, 60, 80, 100), "gaussian_blur": (1, 2, 3, 4, 5, 6)}
    small = {"awgn": (5, 10, 15, 20, 25, 30), "gaussian_blur": (0.5, 1, 1.5, 2, 2.5, 3), "fog": (1, 2, 3, 4, 5)}
    assert chosen("deepcorrect", "fog", small=True) == small


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("frogs", r"unknown corruption or family 'frogs'; close matches: .*fog"),
        ("fog:", "corruption fog:: '' is no number; allowed are 1 to 5"),
        ("fog:2.5", "corruption fog: severity 2.5: allowed are whole numbers from 1 to 5"),
        ("jpeg:0", "corruption jpeg: level 0: allowed are whole numbers from 1 to 95"),
        ("awgn:inf", "corruption awgn: level inf: allowed are 0 to 255"),
        ("gaussian_blur:0", "corruption gaussian_blur: level 0: allowed are 0.1 to 50"),
        ("fidelity_salt_and_pepper:2", "corruption fidelity_salt_and_pepper: level 2: allowed are 0 to 1"),
    ],
)
def test_bad_names_and_levels(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        select([text])


def test_an_unknown_name_is_answered_with_close_ones() -> None:
    with pytest.raises(InputError, match="unknown corruption 'awgm'; .*awgn"):
        corrupt(photos()[0], "awgm", 1, 0, 0)
