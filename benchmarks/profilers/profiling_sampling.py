# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The sampler in CPython 3.15's standard library: another process that reads the
program's memory; of all threads those that are on a CPU."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.profilers.recording import Recording, Sample


def profile_file(recording: Recording) -> str:
    """Collapsed stacks."""
    return os.path.join(recording.directory, "profile.collapsed")


def command(recording: Recording, python: Path) -> list[str]:
    """It starts the program, with a Python of its own."""
    rate = ["--sampling-rate", str(recording.rate_hz), "--all-threads", "--mode", "cpu"]
    output = ["--collapsed", "--output", profile_file(recording)]
    return [str(python), "-m", "profiling.sampling", "run", *rate, *output]


def read(recording: Recording) -> list[Sample]:
    """Counts of samples, each of a period; frames are file:function:line."""
    from benchmarks.profilers.formats import collapsed_lines, simple

    with open(profile_file(recording)) as file:
        return [
            Sample(
                tuple(simple(frame.rsplit(":", 2)[-2]) for frame in stack[1:]),
                count * 1e9 / recording.rate_hz,
            )
            for stack, count in collapsed_lines(file.read())
        ]
