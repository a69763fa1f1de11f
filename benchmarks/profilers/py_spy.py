# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""py-spy record: another process that stops the program and reads its memory."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.profilers.recording import Recording


def profile_file(recording: Recording) -> str:
    """Collapsed stacks."""
    return os.path.join(recording.directory, "profile.collapsed")


def command(recording: Recording, python: Path) -> list[str]:
    """It starts the program."""
    options = ["--rate", str(recording.rate_hz), "--format", "raw", "--nolineno", "--threads"]
    output = ["--output", profile_file(recording)]
    return [str(python.with_name("py-spy")), "record", *options, *output, "--", str(python)]
