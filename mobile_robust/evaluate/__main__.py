"""``python -m mobile_robust.evaluate``."""

from mobile_robust.cli import run
from mobile_robust.evaluate.cli import main

run(main)
