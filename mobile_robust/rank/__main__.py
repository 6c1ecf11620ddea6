"""``python -m mobile_robust.rank``."""

from mobile_robust.cli import run
from mobile_robust.rank.cli import main

run(main)
