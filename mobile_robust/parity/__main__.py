from mobile_robust.cli import run
from mobile_robust.parity.cli import main

run(main)
