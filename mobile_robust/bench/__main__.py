"""``python -m mobile_robust.bench``."""

from mobile_robust.bench.cli import main
from mobile_robust.cli import run

run(main)
