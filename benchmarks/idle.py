# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What an idle program costs: 32 threads that sleep, for CPU seconds in an hour.

The whole tree's CPU time in ten seconds that hold one upload, after start and first upload,
where much is loaded; scaled to an hour. Each run has beside it, at the same time, one
without a profiler, on the same interpreter.

tree    CPU time of all processes
added   the same, less that of the run without
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from benchmarks import environments, estimate
from benchmarks.available import available
from benchmarks.environments import Environment
from benchmarks.figures import Figure
from benchmarks.plan import Plan
from benchmarks.profilers import NONE, Profiler
from benchmarks.progress import Progress
from benchmarks.runner import ProgramFailed, run_pushing
from benchmarks.workloads.idle import SECONDS

RATE_HZ = 100
INTERVAL_S = 10
ROUNDS = 2
"""At most: there is little noise in sleeping."""


def measure(plan: Plan) -> Iterator[Figure]:
    """None, then each profiler that has a rate; if it is to be quick, these alone and once."""
    profilers = [profiler for profiler in available(plan) if profiler.samples]
    if not plan.quick:
        profilers.insert(0, NONE)
    rounds = 1 if plan.quick else min(plan.rounds, ROUNDS)
    progress = Progress(len(profilers) * rounds, plan.say)
    for profiler in profilers:
        progress.announce(f"idle: {profiler.name}")
        pairs = []
        try:
            for _ in range(rounds):
                pairs.append(_pair(profiler, environments.environment(profiler)))
                progress.ran()
        except ProgramFailed as error:
            plan.unavailable(f"idle: {profiler.name}", str(error))
            continue
        for metric, values in (
            ("tree", [with_ for with_, _ in pairs]),
            ("added", [with_ - without for with_, without in pairs]),
        ):
            found = estimate.median(values)
            of = {"profiler": profiler.name}
            yield Figure("idle", metric, found.value, "CPU s/h", of, found.low, found.high)


def _pair(profiler: Profiler, within: Environment) -> tuple[float, float]:
    """CPU seconds in an hour with the profiler and without, measured at the same time."""
    with ThreadPoolExecutor(2) as threads:
        runs = [
            threads.submit(run_pushing, each, "idle", RATE_HZ, INTERVAL_S, within)
            for each in (profiler, NONE)
        ]
        with_, without = (run.result().took.tree / 1e9 / SECONDS * 3600 for run in runs)
        return with_, without
