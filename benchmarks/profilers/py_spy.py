# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""py-spy record: another process that stops the program and reads its memory."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.profilers.recording import Recording, Sample


def profile_file(recording: Recording) -> str:
    """Collapsed stacks."""
    return os.path.join(recording.directory, "profile.collapsed")


def command(recording: Recording, python: Path) -> list[str]:
    """It starts the program."""
    options = ["--rate", str(recording.rate_hz), "--format", "raw", "--nolineno", "--threads"]
    output = ["--output", profile_file(recording)]
    return [str(python.with_name("py-spy")), "record", *options, *output, "--", str(python)]


def read(recording: Recording) -> list[Sample]:
    """Counts of samples, each of a period. Where it says so, it was idle: it has no CPU then."""
    from benchmarks.profilers.formats import collapsed_lines, simple

    with open(profile_file(recording)) as file:
        return [
            Sample(tuple(simple(frame.partition(" (")[0]) for frame in stack), count * period_ns)
            for stack, count in collapsed_lines(file.read())
            for period_ns in (1e9 / recording.rate_hz,)
        ]
