from mobile_robust.cli import run_command

run_command("restoration")
