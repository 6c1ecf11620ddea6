"""What was measured on, and with what: the head of the files that an evaluation writes."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from datetime import datetime, timezone
from importlib.metadata import version
from typing import Any

from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.storage import PhotoPath, relative
from mobile_robust.export.fingerprint import tool_versions
from mobile_robust.reporting.intervals import RESAMPLES, SEED


def tools() -> dict[str, str]:
    """Package -> version, of all that a score may depend on."""
    return {**tool_versions(), "pillow": version("pillow")}


def facts_of(photos: PhotoDataset, unreadable: Mapping[PhotoPath, str], seed: int) -> dict[str, Any]:
    """Of a measurement on all photos but the unreadable ones (with the reason), with corruptions of that seed."""
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "tools": tools(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "seed": seed,
        "photos": {
            "used": len(photos) - len(unreadable),
            "sha256": photos.digest,
            "labels": photos.labels_from,
            "holdout": photos.split.fraction if photos.split else None,
            "holdout_seed": photos.split.seed if photos.split else None,
            "holdout_by": photos.split.by if photos.split else None,
            "skipped": [
                {"file": relative(path, photos.folder).as_posix(), "reason": why} for path, why in unreadable.items()
            ],
        },
        "intervals": f"bootstrap over photos, 95 %, {RESAMPLES} resamples, seed {SEED}",
    }
