# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""scalene, CPU time only: lines, by a signal handler in Python."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.profilers.recording import Recording, Sample


def profile_file(recording: Recording) -> str:
    """JSON."""
    return os.path.join(recording.directory, "profile.json")


def command(recording: Recording, python: Path) -> list[str]:
    """It runs the program in its own process."""
    rate = ["--cpu-sampling-rate", str(1 / recording.rate_hz)]
    output = ["--cpu-only", "--outfile", profile_file(recording)]
    return [str(python), "-m", "scalene", "run", *rate, *output]


def read(recording: Recording) -> list[Sample]:
    """Functions, each with its share of the time, in Python and in C; no stacks."""
    import json

    from benchmarks.profilers.formats import simple

    with open(profile_file(recording)) as file:
        profile = json.load(file)
    percent_ns = profile.get("elapsed_time_sec", 0) * 1e9 / 100
    return [
        Sample(
            (simple(function["line"]),),
            percent_ns * (function["n_cpu_percent_c"] + function["n_cpu_percent_python"]),
        )
        for file in profile.get("files", {}).values()
        for function in file["functions"]
    ]
