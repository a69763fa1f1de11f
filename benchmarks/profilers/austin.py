# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""austin: another process that reads the program's memory; on-CPU stacks only."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.profilers.recording import Recording, Sample


def profile_file(recording: Recording) -> str:
    """In its own format, MOJO."""
    return os.path.join(recording.directory, "profile.mojo")


def command(recording: Recording, python: Path) -> list[str]:
    """It starts the program."""
    interval = f"--interval={1_000_000 // recording.rate_hz}us"
    output = f"--output={profile_file(recording)}"
    return [str(python.with_name("austin")), "--cpu", interval, output, str(python)]


def read(recording: Recording) -> list[Sample]:
    """Each sample has the time since the one before."""
    from benchmarks.profilers import mojo
    from benchmarks.profilers.formats import simple

    with open(profile_file(recording), "rb") as file:
        return [
            Sample(tuple(simple(name) for name in stack.functions), stack.time_us * 1e3)
            for stack in mojo.stacks(file.read())
        ]
