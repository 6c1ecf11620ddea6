"""``python -m mobile_robust.train``."""

from mobile_robust.cli import run
from mobile_robust.train.cli import main

run(main)
