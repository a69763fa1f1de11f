# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Profiles a piece of code in a process of its own and reads the pprof."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from tests.support import pprof_reader
from tests.support.pprof_reader import ReadProfile
from tests.support.python import run

RECORDED_FRAMES = 1024

BURN = """
import time
_began_ns = time.process_time_ns()
def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(1000))
"""


def profiled(code: str, directory: Path, *options: str, prefix: Sequence[str] = ()) -> ReadProfile:
    """The checked profile of `code`, which may use `burn(seconds)` of CPU.

    What the kernel counted for it is then to be had from `kernel_ns`.
    """
    script = directory / "program.py"
    epilog = """
import time
open("kernel_ns", "w").write(str(time.process_time_ns() - _began_ns))
"""
    script.write_text(BURN + textwrap.dedent(code) + epilog)
    output = directory / "profile.pb.gz"
    done = run("-o", str(output), *options, "program.py", cwd=directory, prefix=prefix)
    assert done.returncode == 0, done.stderr
    # What is pushed is cut to what servers store; files hold all.
    return pprof_reader.check(output.read_bytes(), max_stack_frames=RECORDED_FRAMES + 1)


def total(profile: ReadProfile) -> int:
    """All weight."""
    return sum(sample.values[0] for sample in profile.samples)


def weight_by_function(profile: ReadProfile, *, leaf: bool = False) -> dict[str, int]:
    """Weight of samples with a function in the stack, or at its leaf."""
    weights: dict[str, int] = {}
    for sample in profile.samples:
        names = [frame.name for frame in sample.stack]
        for name in set(names[:1] if leaf else names):
            weights[name] = weights.get(name, 0) + sample.values[0]
    return weights


def kernel_ns(directory: Path) -> int:
    """What the kernel counted for the program's work, the interpreter's start left out."""
    return int((directory / "kernel_ns").read_text())
