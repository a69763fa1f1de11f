# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""scalene, CPU time only: lines, by a signal handler in Python.

It has no stacks, and takes the names of functions from the source, where those that note
their CPU time all have one: nothing is read of it.
"""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.profilers.recording import Recording


def profile_file(recording: Recording) -> str:
    """JSON."""
    return os.path.join(recording.directory, "profile.json")


def command(recording: Recording, python: Path) -> list[str]:
    """It runs the program in its own process."""
    rate = ["--cpu-sampling-rate", str(1 / recording.rate_hz)]
    output = ["--cpu-only", "--outfile", profile_file(recording)]
    return [str(python), "-m", "scalene", "run", *rate, *output]
