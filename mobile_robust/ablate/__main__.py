"""``python -m mobile_robust.ablate``."""

from mobile_robust.ablate.cli import main
from mobile_robust.cli import run

run(main)
