# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Holds headers that wheels are compiled with against those of the target's own CPython.

The one `pyconfig.h` that there is, for x86_64 and glibc, with `wheels/pyconfig` over it, must
make the same core as Debian's for arm64, and as that of a CPython that `musl` has built. The
same is: object files of the same bytes. No list of what matters is to be kept.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from wheels import debian, headers
from wheels.build import OVERLAYS, zig_cc
from wheels.checkout import ROOT
from wheels.pythons import Python
from wheels.roots import DOWNLOADS, FOLDER
from wheels.roots.outcome import Outcome
from wheels.targets import Target

_FLAGS = ("-std=gnu11", "-O2", "-g0", "-fPIC", "-DNDEBUG", "-Icsrc")


def _object(file: Path, target: Target, includes: list[Path], made: Path) -> bytes:
    folders = [word for each in includes for word in ("-isystem", str(each))]
    command: list[str | Path] = [*zig_cc(target), *_FLAGS, *folders, "-c", file, "-o", made]
    subprocess.run(command, cwd=ROOT, check=True)
    return made.read_bytes()


def _own(of: Python, work: Path) -> Iterator[tuple[Target, list[Path]]]:
    """Targets that have headers of their own for this CPython, and these."""
    if of.debian is None:
        return
    package = f"libpython{of.minor}-dev"
    include = debian.unpacked(package, of.debian, "arm64", DOWNLOADS) / "usr" / "include"
    # What other packages have, and no layout depends on.
    (work / "crypt.h").touch()
    yield Target("aarch64", "gnu"), [include / f"python{of.minor}", include, work]
    built = FOLDER / f"musl-{of.minor}" / "include" / f"python{of.minor}"
    if built.exists():
        yield Target("x86_64", "musl"), [built]


def _differing(of: Python, target: Target, own: list[Path], work: Path) -> list[str]:
    ours = [OVERLAYS / target.libc, headers.find(of)]
    return [
        file.name
        for file in sorted((ROOT / "csrc").glob("*.c"))
        if _object(file, target, ours, work / "o") != _object(file, target, own, work / "o")
    ]


def outcomes(minors: Sequence[Python]) -> Iterator[Outcome]:
    """One for each CPython and target that has headers of its own."""
    for each in minors:
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            for target, own in _own(each, work):
                names = _differing(each, target, own, work)
                what = f"headers of CPython {each.minor} for {target.name}"
                words = f"differ in {' '.join(names)}" if names else "the same core"
                yield Outcome(not names, what, words)
