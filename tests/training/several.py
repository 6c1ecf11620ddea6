"""Trainings, one after the other, in each of the processes that Accelerate starts: recipes as JSON, photos, folder of
the weights, and further words for each."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mobile_robust.training.cli import main
from tests.methods.training import train_words

if __name__ == "__main__":
    recipes, photos, out, *more = sys.argv[1:]
    found = {method: Path(path) for method, path in json.loads(recipes).items()}
    for method in found:
        main(train_words(found, Path(photos), Path(out) / f"{method}.safetensors", method, *more))
