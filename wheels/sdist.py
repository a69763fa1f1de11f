# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Makes the sdist, with the same bytes whoever makes it, where and when, with one setuptools.

    python -m wheels.sdist OUTDIR

`python -m build --sdist` notes down who has made it, and when files were last touched. The
archive is packed again without that: all is of SOURCE_DATE_EPOCH, or of the last commit.
"""

from __future__ import annotations

import gzip
import sys
import tarfile
import tempfile
from pathlib import Path

from wheels.build import run
from wheels.checkout import date


def make(directory: Path) -> Path:
    """The sdist's path, in a directory that is made if need be.

    Raises `BuildFailed`.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", scratch]
        run(command, "the sdist")
        [built] = Path(scratch).glob("*.tar.gz")
        repacked = directory / built.name
        repack(built, repacked, date())
    return repacked


def repack(source: Path, target: Path, seconds: int) -> None:
    """Write what is in a .tar.gz into another, in the order of names, of one date and nobody's."""
    with (
        tarfile.open(source) as old,
        target.open("wb") as raw,
        gzip.GzipFile("", "wb", mtime=seconds, fileobj=raw) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda member: member.name):
            plain = tarfile.TarInfo(member.name)
            plain.type, plain.size, plain.mtime = member.type, member.size, seconds
            plain.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            new.addfile(plain, old.extractfile(member))


if __name__ == "__main__":
    print(make(Path(sys.argv[1])))
