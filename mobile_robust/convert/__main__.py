from mobile_robust.cli import run
from mobile_robust.convert.cli import main

run(main)
