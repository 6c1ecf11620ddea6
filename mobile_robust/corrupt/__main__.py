"""``python -m mobile_robust.corrupt``."""

from mobile_robust.cli import run
from mobile_robust.corrupt.cli import main

run(main)
