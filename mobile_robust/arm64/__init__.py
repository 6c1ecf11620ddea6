"""A sandbox in which the ARM64 build of LiteRT runs on an x86-64 machine, under QEMU's user-mode emulation."""
