# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Debian's CPythons, in roots of their own: for this machine, and for arm64, emulated.

    python -m wheels.roots.debians amd64|arm64 3.N COMMAND …    run it there; this folder is /work

Needs root, for chroot.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from wheels import debian
from wheels.pythons import Python, python
from wheels.roots import DOWNLOADS, FOLDER, emulator

_ENTER = """
root=$1 work=$2
shift 2
mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" &&
    mount --bind "$work" "$root/work" &&
    exec chroot "$root" /bin/sh -c 'cd /work && exec "$@"' sh "$@"
"""


def root(of: Python, machine: str) -> Path:
    """The root with this CPython for a machine as Debian calls it, made if it is not there.

    Raises `debian.DownloadFailed`.
    """
    assert of.debian is not None
    made = FOLDER / f"{machine}-{of.minor}"
    if not made.exists():
        packages = [f"python{of.minor}-venv", "ca-certificates", "dash", "coreutils"]
        part = made.with_name(f"{made.name}.bare")
        debian.root(packages, of.debian, machine, DOWNLOADS, part)
        for folder in ("dev", "proc", "root", "tmp", "work"):
            (part / folder).mkdir(exist_ok=True)
        (part / "tmp").chmod(0o1777)
        (part / "bin" / "sh").unlink(missing_ok=True)
        (part / "bin" / "sh").symlink_to("dash")
        (part / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\n")
        # pip looks at it even where it asks nobody.
        shutil.copy("/etc/ssl/certs/ca-certificates.crt", part / "etc" / "ssl" / "certs")
        part.rename(made)
    return made


def command(of: Python, machine: str, work: Path, words: Sequence[str]) -> list[str]:
    """What runs `words` in the root, with the folder `work` as /work.

    What is mounted for it is in a namespace of its own, and goes with it.
    """
    if machine == "arm64":
        emulator.register()
    return ["unshare", "-m", "sh", "-c", _ENTER, "sh", str(root(of, machine)), str(work), *words]


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    wanted = command(python(sys.argv[2]), sys.argv[1], Path.cwd(), sys.argv[3:])
    sys.exit(subprocess.run(wanted, check=False).returncode)
