"""A recipe with a mistake is answered with the file, the line, the key and what is allowed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mobile_robust.contracts.recipe import Recipe
from mobile_robust.errors import InputError
from mobile_robust.recipes import built_in_recipes, load_recipe

GOOD = """\
method = "afd"
scope = "module"

[options]
variant = "afd"

[backbone]
name = "resnet50"

[input]
size = 64
"""


def load(folder: Path, text: str) -> Recipe:
    (folder / "mine.toml").write_text(text)
    return load_recipe(str(folder / "mine.toml"))


def message_of(folder: Path, text: str) -> str:
    with pytest.raises(InputError) as error:
        load(folder, text)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "line", "quoted"),
    [
        ('method = "afd"\nscope = module\n', 2, "'scope = module'"),
        ('method = "afd\nscope = "module"\n', 1, "'method = \"afd'"),
        (f"{GOOD}\n[input]\n", 13, "'[input]'"),
        ('method = "a"\nmethod = "b"\n', 2, "method"),
    ],
)
def test_malformed_toml_is_quoted(tmp_path, text, line, quoted) -> None:
    message = message_of(tmp_path, text)
    assert message.startswith(f"recipe {tmp_path}/mine.toml, line {line}: not valid TOML: ")
    assert f"at line {line}," in message and quoted in message


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("size", "siez", 11, "input.siez: unknown key 'siez'; known: mean, range, size, std"),
        ("[input]", "[inputs]", 10, "inputs: unknown key 'inputs'; close matches: input"),
        ("name =", "nam =", 8, "backbone.nam: unknown key 'nam'; known: classes, layer, name, options, seed, weights"),
        ('"module"', '"modul"', 2, "scope: Input should be 'module' or 'pipeline', got 'modul'"),
        ("64", "31", 11, "input.size: must be a side in pixels, or [height, width], each from 32 to 4096, got 31"),
        ("64", "[224, 8]", 11, "input.size: must be a side in pixels, or [height, width]"),
        ("64", "64\nmean = [0.5, 0.5]", 12, "input.mean.2: Field required"),
        ("64", "64\nmean = [0.5, 0.5, nan]", 12, "input.mean.2: must be a finite number, got nan"),
        ("64", "64\nstd = [0.5, 0.5, 0]", 12, "input.std: every value must be 0.0001 or more"),
        ("64", "64\nstd = [1, 1, 1e-300]", 12, "input.std: every value must be 0.0001 or more"),
        (
            "64",
            "64\nmean = [123.7, 116.3, 103.5]",
            12,
            "input.mean: is of values in [0, 1]; divide what is of",
        ),
        ("64", "64\nstd = [58, 57, 57]", 12, "input.std: is of values in [0, 1]"),
        ("64", "64\nstd = [1e300, 1, 1]", 12, "input.std: is of values in [0, 1]"),
        ('"resnet50"', '"resnet50"\nseed = 9223372036854775808', 9, "backbone.seed: Input should be less than"),
        ('\n[options]\nvariant = "afd"\n', '\noptions = "afd"\n', 4, "options: Input should be an object"),
        ("64", '64\n[artifacts]\ntflite = ["fp64"]', 13, "artifacts.tflite.0: Input should be 'fp32', 'fp16'"),
        ("64", "64\n[artifacts]\ntflite = []\ncoreml = []", 12, "artifacts: at least one precision"),
        ("64", "64\n[tolerances.int8]\nsnr = 20", 13, "unknown key 'snr'; known: max_error, repair_snr_db, "),
        ("64", "64\n[tolerances]\nint8 = {}", 13, "tolerances.int8: one of max_error, snr_db, "),
        ("64", "64\n[tolerances]\nfp32 = { max_error = nan }", 13, "tolerances.fp32.max_error: must be a finite"),
        ("64", "64\n[tolerances]\nint4 = { max_error = 1 }", 13, "tolerances.int4"),
        ("method", 'name = "a/b"\nmethod', 1, "name: String should match pattern"),
        ("method", f'name = "{"a" * 201}"\nmethod', 1, "name: String should have at most 200 characters, got 'aaa"),
        ("64", '64\n[weights]\nfile = "a\\u0000b"', 13, "weights.file: must not hold the character '\\x00'"),
        ("64", f"64\n[parity]\nimages = {2**63}", 13, "parity.images: Input should be less than or equal to 1024"),
        ("64", f"64\n[parity]\nimages = {2**64}", 13, "parity.images: must be an integer of at most 64 bits"),
        ("64", '64\n[quantization]\ncalibration_images = "8"', 13, "Input should be a valid integer, got '8'"),
        ('"afd"', '"afdd"', 1, "method: unknown method 'afdd'; known: afd, "),
        ("variant =", "varaint =", 5, "unknown option of method afd 'varaint'; known: variant"),
        ('variant = "afd"', 'variant = "tiny"', 5, "unknown afd variant 'tiny'; known: afd, afd_nano, "),
        ('variant = "afd"', "variant = 3", 5, "options.variant: Input should be 'afd', "),
    ],
)
def test_a_wrong_key_or_value_is_located(tmp_path, old, new, line, message) -> None:
    lines = message_of(tmp_path, GOOD.replace(old, new, 1)).splitlines()
    (found,) = [text for text in lines if message in text]
    assert found.startswith(f"{tmp_path}/mine.toml, line {line}: ")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x = " + "[" * 20_000 + "]" * 20_000, ": nested more than 32 levels deep"),
        ("a." * 20_000 + "a = 1", ", line 14: nested more than 32 levels deep: 'a.a."),
        ("size = " + "1" * 5000, ", line 14: an integer of more than 20 digits: 'size = 111"),
        ("#" * 70_000, ": cannot be read: larger than the 64 KiB that are allowed"),
    ],
)
def test_what_a_parser_would_break_at_is_refused(tmp_path: Path, line: str, said: str) -> None:
    message = message_of(tmp_path, f"{GOOD}\n\n{line}\n")
    assert message.startswith(f"recipe {tmp_path}/mine.toml{said}") and len(message) < 400


def test_links_in_a_loop_are_no_file_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "loop.safetensors").symlink_to("loop.safetensors")
    recipe = load(tmp_path, GOOD + '[weights]\nfile = "loop.safetensors"\n')
    assert recipe.weights.file == str(tmp_path / "loop.safetensors")
    assert recipe.with_backbone_weights(str(tmp_path / "loop.safetensors")).backbone
    (tmp_path / "loop.toml").symlink_to("loop.toml")
    with pytest.raises(InputError, match=r"recipe .*/loop\.toml: cannot be read: Too many levels of symbolic links"):
        load_recipe(str(tmp_path / "loop.toml"))


def test_every_mistake_is_reported_at_once(tmp_path) -> None:
    lines = message_of(tmp_path, GOOD.replace('method = "afd"', "").replace("64", "7")).splitlines()
    assert [line.split(": ", 1)[1] for line in lines] == [
        "method: Field required",
        "input.size: must be a side in pixels, or [height, width], each from 32 to 4096, got 7",
    ]


@pytest.mark.parametrize("table", ["[input]", "[options]"])
def test_of_thousands_of_mistakes_ten_are_said(tmp_path: Path, table: str) -> None:
    keys = "\n".join(f"k{i} = 1" for i in range(5000))
    lines = message_of(tmp_path, GOOD.replace(table, f"{table}\n{keys}")).splitlines()
    assert "unknown" in lines[0] and lines[-1] == "and 4990 more mistakes" and len(lines) == 11


def test_unknown_names_list_the_known() -> None:
    with pytest.raises(InputError, match="unknown recipe 'afd_resnet'; close matches: afd_resnet50, "):
        load_recipe("afd_resnet")


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_unreadable_files_are_named(tmp_path, content) -> None:
    path = tmp_path / "mine.toml"
    if content:
        path.write_bytes(content)
    with pytest.raises(InputError, match=f"recipe {re.escape(str(path))}.*: (cannot be read: No such|not UTF-8)"):
        load_recipe(str(path))


def test_the_name_is_the_files_unless_given(tmp_path) -> None:
    assert load(tmp_path, GOOD).name == "mine"
    assert load(tmp_path, f'name = "other"\n{GOOD}').name == "other"


def test_weights_count_from_the_recipes_folder_unless_they_ship_with_the_package(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir("/")
    text = GOOD.replace('"resnet50"', '"resnet50"\nweights = "b.safetensors"') + '[weights]\nfile = "sub/m.safetensors"'
    recipe = load(tmp_path, text)
    assert recipe.backbone.weights == str(tmp_path / "b.safetensors")
    assert recipe.weights.file == str(tmp_path / "sub/m.safetensors")
    timm = load(tmp_path, text.replace("b.safetensors", "timm:resnet50.a1_in1k"))
    assert timm.backbone.weights == "timm:resnet50.a1_in1k"
    shipped = load(tmp_path, text.replace("sub/m.safetensors", "afd_nano_mobilenetv2.safetensors"))
    assert Path(shipped.weights.file).is_file()


def test_built_in_recipes_load_and_are_named_after_their_files() -> None:
    recipes = {name: load_recipe(name) for name in built_in_recipes()}
    assert len(recipes) >= 5
    assert all(recipe.name == name and recipe.title for name, recipe in recipes.items())
    assert any(recipe.default for recipe in recipes.values())
