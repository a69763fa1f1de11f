# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Resident memory that profiling adds, and whether it grows.

Added (MB) to a program of two seconds of CPU, in pairs with the same without a profiler, in
the same environment: `running`, in the program while it is profiled; `helpers`, what the profiler's
own processes take then; `delivered`, in the program after the profile's delivery. `way` is
where it goes: a file, or a server on loopback, which has had some windows by the end.

Growth (kB for 1000 things that come and go): of ours, pushing, an hour's number of windows
in a minute or two, each with a hundred things that have been sampled. Garbage is collected
before each look, and what is taken once (the ring, first of all) is taken before. The
interval holds 0 where nothing grows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from benchmarks import estimate, ways
from benchmarks.environments import Environment, Unavailable, environment
from benchmarks.figures import Figure
from benchmarks.memory_churn import IN_A_WINDOW
from benchmarks.memory_program import Resident
from benchmarks.plan import Plan
from benchmarks.profilers import NONE, OURS, Profiler, Recording
from benchmarks.runner import ProgramFailed, run_for_result
from benchmarks.sink import Sink
from benchmarks.ways import FILE, PUSH, DoesNotPush

RATE_HZ = 100
THINGS = {
    "threads": IN_A_WINDOW,
    "functions": IN_A_WINDOW,
    "label sets": IN_A_WINDOW,
    "windows": 1,
}
"""What comes and goes, and how many in a window."""
WINDOWS, QUICK_WINDOWS, WARM_UP = 360, 25, 45


def _resident(profiler: Profiler, way: str, within: Environment) -> Resident:
    with ways.recording(way, RATE_HZ, interval_s=1) as recording:
        words = ["-m", "benchmarks.memory_program", profiler.name, json.dumps(recording._asdict())]
        return Resident(**run_for_result(profiler, recording, words, within))


def added(profiler: Profiler, way: str, pairs: Sequence[tuple[Resident, Resident]]) -> list[Figure]:
    """Of pairs of runs, with the profiler and without."""
    figures = []
    of = {"profiler": profiler.name, "way": way, "rate": f"{RATE_HZ} Hz"}
    for metric in Resident._fields:
        more_kb = [getattr(ours, metric) - getattr(none, metric) for ours, none in pairs]
        found = estimate.median([kb / 1024 for kb in more_kb])
        figures.append(Figure("memory", metric, found.value, "MB", of, found.low, found.high))
    return figures


def growth(profiler: Profiler, things: str, resident_kb: Sequence[int]) -> Figure:
    """Of the memory after each window."""
    per_window = THINGS[things]
    thousands = [window * per_window / 1000 for window in range(len(resident_kb))]
    found = estimate.slope(thousands[WARM_UP:], resident_kb[WARM_UP:])
    of = {"profiler": profiler.name, "things": things}
    return Figure("memory", "growth", found.value, "kB", of, found.low, found.high)


def _added(plan: Plan, rounds: int) -> Iterator[Figure]:
    for profiler in plan.profilers:
        without: list[Resident] = []
        for way in (FILE, PUSH):
            plan.say(f"memory: {profiler.name}, {way}")
            try:
                within = environment(profiler)
                without = without or [_resident(NONE, FILE, within) for _ in range(rounds)]
                runs = [_resident(profiler, way, within) for _ in range(rounds)]
            except (DoesNotPush, ProgramFailed, Unavailable) as error:
                plan.unavailable(f"memory: {profiler.name}, {way}", str(error))
            else:
                yield from added(profiler, way, list(zip(runs, without)))


def _growth(plan: Plan, windows: int) -> Iterator[Figure]:
    with Sink() as sink:
        for things in THINGS:
            plan.say(f"memory: {things} come and go")
            for profiler, address in ((OURS, sink.address), (NONE, "")):
                if profiler is NONE and plan.quick:
                    continue
                words = ["-m", "benchmarks.memory_churn", things, str(WARM_UP + windows), address]
                yield growth(profiler, things, run_for_result(NONE, Recording(RATE_HZ, ""), words))


def measure(plan: Plan) -> Iterator[Figure]:
    """What is added by each profiler, and how ours grows."""
    yield from _added(plan, 1 if plan.quick else plan.rounds)
    yield from _growth(plan, QUICK_WINDOWS if plan.quick else WINDOWS)
