"""python -m mobile_robust.contracts: writes the contracts' JSON schemas beside their models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mobile_robust.contracts.job import Job
from mobile_robust.contracts.manifest import Manifest
from mobile_robust.contracts.ranking import Ranking
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.contracts.result import Result
from mobile_robust.files import write_atomically


def schemas() -> dict[Path, str]:
    """File -> JSON schema of each contract. A recipe's name may be left to its file's name."""
    recipe = Recipe.model_json_schema()
    recipe["required"].remove("name")
    manifest = Manifest.model_json_schema(mode="serialization")
    folder = Path(__file__).parent
    return {
        folder / "recipe.schema.json": _text(recipe),
        folder / "job.schema.json": _text(Job.model_json_schema(mode="serialization")),
        folder / "manifest.schema.json": _text(manifest),
        folder / "ranking.schema.json": _text(Ranking.model_json_schema(mode="serialization")),
        folder / "result.schema.json": _text(Result.model_json_schema()),
    }


def _text(schema: dict[str, Any]) -> str:
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"


if __name__ == "__main__":
    for path, text in schemas().items():
        write_atomically(path, text)
        print(path)
