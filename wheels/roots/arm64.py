# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Debian's CPythons for arm64, which qemu emulates here.

    python -m wheels.roots.arm64 3.N COMMAND …    run it there; this folder is /work

Needs root: for chroot, and for binfmt_misc, where the emulator is registered so that
programs can start others.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from wheels import debian
from wheels.pythons import Python, python
from wheels.roots import FOLDER

_DOWNLOADS = FOLDER / "debian"
_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_ELF_HEAD = "7f454c460201010000000000000000000200b700"
"""Of a program (2) for aarch64 (b7)."""
_ELF_MASK = "ffffffffffffff00fffffffffffffffffeffffff"
"""Whatever the ABI is said to be; 3, a shared object, is a program too."""

_ENTER = """
root=$1 work=$2
shift 2
mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" &&
    mount --bind "$work" "$root/work" &&
    exec chroot "$root" /bin/sh -c 'cd /work && exec "$@"' sh "$@"
"""


def emulator() -> Path:
    """Debian sid's: it is static, and the newer, the more of the kernel it knows."""
    made = FOLDER / "qemu-aarch64"
    if not made.exists():
        machine = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
        unpacked = debian.unpacked("qemu-user", "sid", machine, _DOWNLOADS)
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
    line = f":pyroscope-aarch64:M::{_escaped(_ELF_HEAD)}:{_escaped(_ELF_MASK)}:{emulator()}:F"
    (_BINFMT / "register").write_text(line)


def root(of: Python) -> Path:
    """The root with this CPython, made if it is not there.

    Raises `debian.DownloadFailed`.
    """
    assert of.debian is not None
    made = FOLDER / f"arm64-{of.minor}"
    if not made.exists():
        packages = [f"python{of.minor}", "dash", "coreutils"]
        part = made.with_name(f"{made.name}.bare")
        debian.root(packages, of.debian, "arm64", _DOWNLOADS, part)
        for folder in ("dev", "proc", "root", "tmp", "work"):
            (part / folder).mkdir(exist_ok=True)
        (part / "tmp").chmod(0o1777)
        (part / "bin" / "sh").unlink(missing_ok=True)
        (part / "bin" / "sh").symlink_to("dash")
        (part / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\n")
        part.rename(made)
    return made


def command(of: Python, work: Path, words: Sequence[str]) -> list[str]:
    """What runs `words` in the root, with the folder `work` as /work.

    What is mounted for it is in a namespace of its own, and goes with it.
    """
    register()
    return ["unshare", "-m", "sh", "-c", _ENTER, "sh", str(root(of)), str(work), *words]


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    words = command(python(sys.argv[1]), Path.cwd(), sys.argv[2:])
    sys.exit(subprocess.run(words, check=False).returncode)
