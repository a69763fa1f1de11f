# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""How true profiles are: shares, sums and labels against what programs note of themselves.

The functions of a workload read their thread's CPU clock before and after their work. A
sample belongs to the innermost of them that is in its stack; others don't count.

claimed         CPU time in the profile over that which was used; 1 is right
error           the largest difference of a function's share, in percentage points
standard error  by how much a share is off by chance where samples are a period apart; an
                error of two of them means nothing
wrong           of what is claimed in a labelled request, that which bears another's label, %
missing         that which bears none, %

All rounds of a workload are added up before they are compared. Profilers of wall time are
held to CPU time, too: it is what is asked for. Those that don't sample count calls, and have
no stacks: their figures are of functions with all that these call, and none by depth.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.available import available
from benchmarks.figures import Figure
from benchmarks.plan import Plan
from benchmarks.profilers import Profiler, Recording, Sample
from benchmarks.progress import Progress
from benchmarks.runner import ProgramFailed, run_workload
from benchmarks.sink import Sink
from benchmarks.truths import claims, error_points, standard_error_points

SHARES = ("split", "four_threads", "released_split", "low_duty")
DEPTHS = tuple(f"deep:{depth}" for depth in (1, 30, 256, 1000))
LABELS = ("labelled_tasks", "labelled_threads")
QUICK = ("split", "released_split", "deep:1000", "labelled_tasks")
RATE_HZ = 100
INTERVAL_S = 60
"""Longer than any workload: one upload has it all."""


class Outcome(NamedTuple):
    """What rounds of a workload came to."""

    samples: list[Sample]
    truth: Counter[str]
    """Nanoseconds by function."""


def measure(plan: Plan) -> Iterator[Figure]:
    """All workloads under each profiler."""
    profilers = []
    for profiler in available(plan):
        if hasattr(profiler.load(), "read"):
            profilers.append(profiler)
        else:
            plan.unavailable(f"accuracy: {profiler.name}", "its profile has no stacks to compare")
    workloads = QUICK if plan.quick else (*SHARES, *DEPTHS, *LABELS)
    rounds = 1 if plan.quick else plan.rounds
    progress = Progress(len(workloads) * len(profilers) * rounds, plan.say)
    for workload in workloads:
        progress.announce(f"accuracy: {workload}")
        for profiler in profilers:
            if workload in DEPTHS and not profiler.samples:
                continue
            try:
                outcome = _recorded(profiler, workload, rounds, progress)
            except ProgramFailed as error:
                plan.unavailable(f"accuracy: {profiler.name}, {workload}", str(error))
            else:
                yield from figures(profiler, workload, outcome)


def _recorded(profiler: Profiler, workload: str, rounds: int, progress: Progress) -> Outcome:
    """Raises ProgramFailed."""
    outcome = Outcome([], Counter())
    for _ in range(rounds):
        progress.ran()
        with tempfile.TemporaryDirectory() as directory:
            with Sink(directory) as sink:
                recording = Recording(RATE_HZ, directory, sink.address, INTERVAL_S)
                took = run_workload(profiler, workload, recording)
            try:
                outcome.samples.extend(profiler.load().read(recording))
            except (OSError, ValueError, KeyError, IndexError) as error:
                raise ProgramFailed(f"its profile can't be read: {error!r}") from error
            outcome.truth.update(took.truth)
    return outcome


def figures(profiler: Profiler, workload: str, outcome: Outcome) -> Iterator[Figure]:
    """What comes of a workload."""
    name, _, depth = workload.partition(":")
    of = {"profiler": profiler.name, "workload": name, "rate": f"{RATE_HZ} Hz"}
    if depth:
        of["depth"] = depth
    truth = {function: float(used) for function, used in outcome.truth.items()}
    claimed = claims(outcome.samples, truth)
    yield Figure("accuracy", "claimed", claimed.total / sum(truth.values()), "ratio", of)
    if workload in SHARES:
        error = standard_error_points(truth, 1e9 / RATE_HZ)
        yield Figure("accuracy", "error", error_points(claimed.functions, truth), "points", of)
        yield Figure("accuracy", "standard error", error, "points", of)
    if workload in LABELS and hasattr(profiler.load(), "labelled") and claimed.total:
        yield Figure("accuracy", "wrong", 100 * claimed.wrong / claimed.total, "%", of)
        yield Figure("accuracy", "missing", 100 * claimed.missing / claimed.total, "%", of)
