# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The program whose resident memory `memory` looks at.

    python -m benchmarks.memory_program PROFILER RECORDING RESULT

The result is a `Resident`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.processes import resident_kb, session_resident_kb
from benchmarks.profilers import PROFILERS, Recording


class Resident(NamedTuple):
    """Resident memory in kB."""

    running: int
    """Of the program, after two seconds of profiling."""
    helpers: int
    """Of the profiler's own processes then."""
    delivered: int
    """Of the program, when the profiler has ended."""


def _recurse(depth: int) -> int:
    return _recurse(depth - 1) if depth else sum(range(20_000))


def _work() -> None:
    until_s = time.process_time() + 2
    while time.process_time() < until_s:
        _recurse(30)


def measure(profiler: str, recording: Recording) -> Resident:
    """Work, profiled."""
    begin = getattr(PROFILERS[profiler].load(), "begin", None)
    stop = begin(recording) if begin else lambda: None
    _work()
    running = resident_kb(os.getpid())
    helpers = session_resident_kb(os.getsid(0), besides=os.getpid())
    stop()
    return Resident(running, helpers, resident_kb(os.getpid()))


def main() -> None:
    """Measure, and write the result."""
    profiler, recording, result = sys.argv[1:]
    resident = measure(profiler, Recording(**json.loads(recording)))
    Path(result).write_text(json.dumps(resident._asdict()))


if __name__ == "__main__":
    main()
