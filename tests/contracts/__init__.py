import json

from jsonschema import Draft202012Validator

from mobile_robust.contracts.__main__ import schemas


def committed_schema(name: str) -> Draft202012Validator:
    """Of the file beside the contract's model."""
    (path,) = [path for path in schemas() if path.name == f"{name}.schema.json"]
    return Draft202012Validator(json.loads(path.read_text()))
