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

`claimed` is the median of rounds; for the others all rounds are added up before they are
compared. Profilers of wall time are held to CPU time, too: it is what is asked for. On a busy
machine they claim what others have used. Those that don't sample count calls, and have
no stacks: their figures are of functions with all that these call, and none by depth. A
profiler that has the names of tasks in the place of labels is held to those.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from benchmarks.available import available
from benchmarks.estimate import median
from benchmarks.figures import Figure
from benchmarks.plan import Plan
from benchmarks.profilers import Profiler, Recording, Sample
from benchmarks.progress import Progress
from benchmarks.runner import ProgramFailed, run_workload
from benchmarks.sink import Sink
from benchmarks.truths import LABEL, claims, error_points, standard_error_points

SHARES = ("split", "four_threads", "released_split", "low_duty")
DEPTHS = tuple(f"deep:{depth}" for depth in (1, 30, 256, 1000))
LABELS = ("labelled_tasks", "labelled_threads")
QUICK = ("split", "released_split", "deep:1000", "labelled_tasks")
RATE_HZ = 100
INTERVAL_S = 60
"""Longer than any workload: one upload has it all."""


class Round(NamedTuple):
    """What one run of a workload came to."""

    samples: list[Sample]
    truth: Mapping[str, int]
    """Nanoseconds by function."""

    @property
    def claimed(self) -> float:
        """What the profile has of these functions, by what they have used."""
        return claims(self.samples, self.truth).total / sum(self.truth.values())


def measure(plan: Plan) -> Iterator[Figure]:
    """All workloads under each profiler."""
    profilers = _readable(plan)
    workloads = QUICK if plan.quick else (*SHARES, *DEPTHS, *LABELS)
    cases = [(w, p) for w in workloads for p in profilers if p.samples or w not in DEPTHS]
    rounds = max(1, plan.rounds // 3) if plan.quick else plan.rounds
    progress = Progress(len(cases) * rounds, plan.say)
    for workload, profiler in cases:
        if profiler == profilers[0]:
            progress.announce(f"accuracy: {workload}")
        try:
            ran = [_round(profiler, workload, progress) for _ in range(rounds)]
        except ProgramFailed as error:
            plan.unavailable(f"accuracy: {profiler.name}, {workload}", str(error))
            continue
        yield from figures(profiler, workload, ran)
        if workload in LABELS and not _label(profiler, workload):
            plan.unavailable(f"accuracy: {profiler.name}, {workload}, labels", "it has none")


def _readable(plan: Plan) -> list[Profiler]:
    """The profilers whose profiles say something; of the others the plan is told why not."""
    found = []
    for profiler in available(plan):
        if not hasattr(profiler.load(), "read"):
            plan.unavailable(f"accuracy: {profiler.name}", "its profile has no stacks to compare")
            continue
        found.append(profiler)
        if not profiler.samples and not plan.quick:
            plan.unavailable(f"accuracy: {profiler.name}, by depth", "its profile has no stacks")
    return found


def _round(profiler: Profiler, workload: str, progress: Progress) -> Round:
    """Raises ProgramFailed: the program failed, or its profile is empty or can't be read."""
    progress.ran()
    with tempfile.TemporaryDirectory() as directory:
        with Sink(directory) as sink:
            recording = Recording(RATE_HZ, directory, sink.address, INTERVAL_S)
            took = run_workload(profiler, workload, recording)
        try:
            samples = profiler.load().read(recording)
        except (ImportError, OSError, ValueError, KeyError, IndexError) as error:
            raise ProgramFailed(f"its profile can't be read: {error!r}") from error
    if not samples:
        raise ProgramFailed("its profile is empty")
    return Round(samples, took.truth)


def _label(profiler: Profiler, workload: str) -> str:
    """The label that has the name of a request in this profiler's profiles; empty: none."""
    module = profiler.load()
    if hasattr(module, "labelled"):
        return LABEL
    return getattr(module, "TASK_LABEL", "") if workload == "labelled_tasks" else ""


def figures(profiler: Profiler, workload: str, rounds: list[Round]) -> Iterator[Figure]:
    """What comes of rounds of a workload."""
    name, _, depth = workload.partition(":")
    of = {"profiler": profiler.name, "workload": name, "rate": f"{RATE_HZ} Hz"}
    if depth:
        of["depth"] = depth
    claimed, low, high = median([each.claimed for each in rounds])
    yield Figure("accuracy", "claimed", claimed, "ratio", of, low, high)
    truth: Counter[str] = Counter()
    for each in rounds:
        truth.update(each.truth)
    label = _label(profiler, workload)
    whole = claims((sample for each in rounds for sample in each.samples), truth, label)
    if workload in SHARES:
        error = standard_error_points(truth, 1e9 / RATE_HZ)
        yield Figure("accuracy", "error", error_points(whole.functions, truth), "points", of)
        yield Figure("accuracy", "standard error", error, "points", of)
    if workload in LABELS and label and whole.total:
        yield Figure("accuracy", "wrong", 100 * whole.wrong / whole.total, "%", of)
        yield Figure("accuracy", "missing", 100 * whole.missing / whole.total, "%", of)
