"""Manifests that earlier versions of this package have written."""

from __future__ import annotations

from typing import Any


def upgraded(document: Any) -> Any:
    """A manifest of an earlier version of this package. In schema version 1 tensors had no role: their names, which
    were fixed, said it. The recipe's key "component" was "part"."""
    if not isinstance(document, dict):
        return document
    recipe = document.get("recipe")
    if isinstance(recipe, dict) and "part" in recipe:
        named = {"component" if key == "part" else key: value for key, value in recipe.items()}
        document = {**document, "recipe": named}
    if document.get("schema_version") != 1:
        return document
    for artifact in document["artifacts"]:
        names = {tensor["name"] for tensor in artifact["inputs"]}
        for tensor in (*artifact["inputs"], *artifact["outputs"]):
            if tensor["name"] == "repaired":
                tensor["repairs"] = "features" if "features" in names else "image"
            tensor["role"] = tensor.get("repairs") or tensor["name"]
    return {**document, "schema_version": 2}
