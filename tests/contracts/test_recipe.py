"""A recipe's defaults, and its schema."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from mobile_robust.contracts.__main__ import schemas
from mobile_robust.contracts.recipe import Recipe, Tolerance
from mobile_robust.documents import parse_toml
from mobile_robust.errors import InputError
from mobile_robust.recipes import built_in_recipes
from tests.contracts import committed_schema

BACKBONE = {"name": "resnet50"}


def recipe(scope: str = "module", **changes: object) -> Recipe:
    fields = {"name": "mine", "method": "afd", "scope": scope, "backbone": BACKBONE, "input": {"size": 64}}
    return Recipe.model_validate({**fields, **changes})


def test_tolerances_are_the_defaults_unless_given() -> None:
    module = recipe(tolerances={"int8": {"snr_db": 30}})
    assert module.tolerance("int8") == Tolerance(snr_db=30)
    assert module.tolerance("fp16") == Tolerance(max_error=5e-3)
    pipeline = recipe("pipeline")
    assert pipeline.tolerance("int8") == pipeline.tolerance("pal6") == Tolerance(snr_db=15), "a random backbone"
    pipeline = pipeline.with_backbone_weights("b.safetensors")
    assert pipeline.tolerance("int8") == Tolerance(top1_agreement=0.97)
    assert module.parity_images == 4 and pipeline.parity_images * 0.03 > 1  # one miss is within 97 %


def test_a_pipeline_is_whole() -> None:
    with pytest.raises(ValidationError, match=r'scope "pipeline" needs a \[backbone\]'):
        recipe("pipeline", backbone=None)
    with pytest.raises(ValidationError, match='component is for scope "module"'):
        recipe("pipeline", component="nem")


def test_changes_leave_the_recipe_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = recipe(options={"variant": "afd"})
    assert before.with_options(variant="afd_nano").options == {"variant": "afd_nano"}
    given = before.with_backbone_weights("b.safetensors").with_ranking(Path("r.json"))
    assert given.backbone is not None and given.backbone.weights == str(tmp_path / "b.safetensors")
    assert given.weights.ranking == "r.json"
    timm = before.with_backbone_weights("timm:resnet50.a1_in1k").backbone
    assert timm is not None and timm.weights == "timm:resnet50.a1_in1k"
    assert before == recipe(options={"variant": "afd"})
    with pytest.raises(InputError, match="--backbone-weights b: recipe mine has no backbone"):
        recipe(backbone=None).with_backbone_weights("b")


def test_the_committed_schemas_are_current() -> None:
    for path, text in schemas().items():
        assert path.read_text() == text, "run python -m mobile_robust.contracts"


def test_the_schema_takes_the_built_in_recipes_and_refuses_a_wrong_key() -> None:
    schema = committed_schema("recipe")
    documents = [parse_toml(file.read_text()) for file in built_in_recipes().values()]
    for document in documents:
        schema.validate(document)
    assert not schema.is_valid({**documents[0], "input": {"siez": 64}})
