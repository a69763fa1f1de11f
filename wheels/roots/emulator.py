# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The emulator of aarch64: qemu's, of user mode.

Needs root: for binfmt_misc, where it is registered so that programs can start others.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

from wheels import debian
from wheels.roots import DOWNLOADS, FOLDER

_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_ELF_HEAD = "7f454c460201010000000000000000000200b700"
"""Of a program (2) for aarch64 (b7)."""
_ELF_MASK = "ffffffffffffff00fffffffffffffffffeffffff"
"""Whatever the ABI is said to be; 3, a shared object, is a program too."""


def program() -> Path:
    """Debian sid's: it is static, and the newer, the more of the kernel it knows."""
    made = FOLDER / "qemu-aarch64"
    if not made.exists():
        machine = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
        unpacked = debian.unpacked("qemu-user", "sid", machine, DOWNLOADS)
        shutil.copy(unpacked / "usr" / "bin" / "qemu-aarch64", made)
        shutil.rmtree(unpacked)  # all the other machines'
    return made


def _escaped(digits: str) -> str:
    return "".join(f"\\x{digits[i : i + 2]}" for i in range(0, len(digits), 2))


def register() -> None:
    """Have the kernel run programs for aarch64 by the emulator."""
    if not (_BINFMT / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", _BINFMT], check=True)
    for entry in _BINFMT.glob("*aarch64*"):
        # One that is opened beforehand (F), and so is there in other roots too.
        if "F" in entry.read_text().partition("flags: ")[2].split("\n")[0]:
            return
    line = f":pyroscope-aarch64:M::{_escaped(_ELF_HEAD)}:{_escaped(_ELF_MASK)}:{program()}:F"
    (_BINFMT / "register").write_text(line)
