# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A program that does a workload for some seconds, again and again, profiled.

python -m benchmarks.recorded PROFILER WORKLOAD SECONDS RECORDING
"""

from __future__ import annotations

import importlib
import json
import sys
import time

from benchmarks.profilers import PROFILERS, Recording


def main() -> None:
    """Run until the time is over, and have the profile delivered."""
    profiler, workload, seconds, recording = sys.argv[1:]
    work = importlib.import_module(f"benchmarks.workloads.{workload}")
    stop = PROFILERS[profiler].load().begin(Recording(**json.loads(recording)))
    until_s = time.monotonic() + float(seconds)
    while time.monotonic() < until_s:
        work.run()
    stop()


if __name__ == "__main__":
    main()
