from mobile_robust.cli import run_command

if __name__ == "__main__":
    run_command("npu")
