"""``python -m mobile_robust.arm64``."""

from mobile_robust.arm64.cli import main
from mobile_robust.cli import run

run(main)
