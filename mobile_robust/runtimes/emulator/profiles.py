"""The classes of phones that the sandbox stands for.

XNNPACK asks twice before it chooses its kernels: capability bits say which instructions there are, those that QEMU
emulates, and /proc/cpuinfo says which core it is, by its part number. Both must fit each other.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """A class of phones: what users call it, QEMU's -cpu, and the part number of the core, of those that ARM gives."""

    name: str
    cpu: str
    part: int

    @property
    def cpuinfo(self) -> str:
        """The /proc/cpuinfo of a phone with one such core."""
        lines = {
            "processor": "0",
            "CPU implementer": "0x41",  # ARM
            "CPU architecture": "8",
            "CPU variant": "0x1",
            "CPU part": f"0x{self.part:03x}",
            "CPU revision": "0",
        }
        return "".join(f"{key}\t: {value}\n" for key, value in lines.items()) + "\n"


#: Its big core is a Cortex-A77. QEMU has no such, but the Cortex-A76 has the same instructions.
SNAPDRAGON_865 = Profile("snapdragon-865", "cortex-a76", 0xD0D)
#: A Cortex-X2: 8-bit matrix instructions (i8mm). Without SME, which such phones lack and which is slow to emulate.
ARMV9 = Profile("armv9", "max,sme=off", 0xD48)

PROFILES = {profile.name: profile for profile in (SNAPDRAGON_865, ARMV9)}
