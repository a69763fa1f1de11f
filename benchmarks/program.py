# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The program that is measured: a workload between the start and the end of a profiler.

    python -m benchmarks.program PROFILER WORKLOAD RECORDING RESULT

RECORDING is a Recording in JSON. What the work took is written to the file RESULT.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import signal_cost
from benchmarks.processes import session_cpu_ns
from benchmarks.profilers import PROFILERS, Recording

SETTLE_S = 0.2
"""What a start leaves to do in the background is not the workload's."""


class Took(NamedTuple):
    """What a workload took, in nanoseconds."""

    wall: int
    program: int
    """CPU time of the program's own threads, signal handlers included."""
    tree: int
    """CPU time of all processes that belong to it, the profiler's too."""
    stop: int
    """CPU time of all processes from the end of the work to the delivery of the profile."""
    samples: int = 0
    """How many the profiler has taken, if it counts them."""
    sample_ns: float = 0
    """What the program's thread pays for one: the signal's delivery, and the handler."""
    truth: Mapping[str, int] = {}
    """CPU time of functions by name, as those that the workload notes it of have used it."""

    @property
    def helpers(self) -> int:
        """CPU time that is not the program's own: threads and processes of the profiler."""
        return self.tree - self.program


def measure(profiler: str, workload: str, recording: Recording) -> Took:
    """Run the workload once, profiled; `deep:30` is one with a number."""
    workload, _, number = workload.partition(":")
    work: Any = importlib.import_module(f"benchmarks.workloads.{workload}")
    module = PROFILERS[profiler].load()
    begin, ticks = getattr(module, "begin", None), getattr(module, "ticks", None)
    stop = begin(recording) if begin else lambda: None
    if hasattr(work, "scope") and hasattr(module, "labelled"):
        work.scope = module.labelled
    if hasattr(work, "prepare"):
        work.prepare()
    time.sleep(SETTLE_S)
    session = os.getsid(0)
    samples = ticks().samples if ticks else 0
    tree, wall, main = session_cpu_ns(session), time.perf_counter_ns(), time.thread_time_ns()
    threads = work.run(*([int(number)] if number else []))
    main, wall = time.thread_time_ns() - main, time.perf_counter_ns() - wall
    tree = session_cpu_ns(session) - tree
    sample_ns = 0.0
    if ticks:
        samples, handler_ns = ticks().samples - samples, ticks().handler_ns
        sample_ns = signal_cost.delivery_ns() + handler_ns
    stopping = session_cpu_ns(session)
    stop()
    stopping = session_cpu_ns(session) - stopping
    truth = getattr(work, "TRUTH", {})
    return Took(wall, main + threads, tree, stopping, samples, sample_ns, truth)


def main() -> None:
    """Measure, and write the result."""
    profiler, workload, recording, result = sys.argv[1:]
    took = measure(profiler, workload, Recording(**json.loads(recording)))
    Path(result).write_text(json.dumps(took._asdict()))


if __name__ == "__main__":
    main()
