# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What has come of trying something out, in a line."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Outcome(NamedTuple):
    """Of one thing that is tried."""

    is_well: bool | None
    """None: it could not be tried."""
    what: str
    words: str

    def __str__(self) -> str:
        verdict = {True: "ok", False: "FAILED", None: "-"}[self.is_well]
        return f"{verdict:6} {self.what}: {self.words}"


def failed(what: str, why: str) -> Outcome:
    return Outcome(False, what, why)


def not_tried(what: str, why: str) -> Outcome:
    return Outcome(None, what, why)


def ran(what: str, command: Sequence[str | Path], cwd: Path | None = None) -> Outcome:
    """Of a command: all of its words if it failed, or else the last line."""
    done = subprocess.run(
        command,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    words = done.stdout.strip()
    if done.returncode == 0:
        return Outcome(True, what, words.rpartition("\n")[2])
    return failed(what, words or f"status {done.returncode}")
