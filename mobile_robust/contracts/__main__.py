"""python -m mobile_robust.contracts: writes the contracts' JSON schemas beside their models."""

from __future__ import annotations

import json
from pathlib import Path

from mobile_robust.contracts.job import Job
from mobile_robust.contracts.manifest import Manifest
from mobile_robust.contracts.ranking import Ranking
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.contracts.result import Result
from mobile_robust.files import write_atomically


def schemas() -> dict[Path, str]:
    """File -> JSON schema of each contract. A recipe's name may be left to its file's name."""
    found = {"recipe": Recipe.model_json_schema(), "result": Result.model_json_schema()}
    found["recipe"]["required"].remove("name")
    for model in (Job, Manifest, Ranking):
        found[model.__name__.lower()] = model.model_json_schema(mode="serialization")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    folder = Path(__file__).parent
    return {folder / f"{name}.schema.json": json.dumps(head | found[name], indent=2) + "\n" for name in found}


if __name__ == "__main__":
    for path, text in schemas().items():
        write_atomically(path, text)
        print(path)
