# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""CPU time of workloads with and without a profiler, in turns."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence

from benchmarks import estimate
from benchmarks.figures import Figure
from benchmarks.plan import Plan
from benchmarks.profilers import NONE, Profiler, Recording
from benchmarks.program import Took
from benchmarks.runner import run_workload

WORKLOADS = ("recursion", "calls", "contention", "released", "coroutines", "churn")
RATES_HZ = (100, 1000)


def _run(profiler: Profiler, workload: str, rate_hz: int, sink: str) -> Took:
    with tempfile.TemporaryDirectory() as directory:
        return run_workload(profiler, workload, Recording(rate_hz, directory, sink))


def figures(
    profilers: Sequence[Profiler], workload: str, rate_hz: int, rounds: int, sink: str
) -> Iterator[Figure]:
    """One workload under each profiler, in turns: the round's first run, without a
    profiler, is what the others of the round are compared with; a second one without,
    the A/A pair, tells the noise."""
    runs: dict[str, list[Took]] = {}
    for _ in range(rounds):
        for name, profiler in (("base", NONE), ("none", NONE), *((p.name, p) for p in profilers)):
            runs.setdefault(name, []).append(_run(profiler, workload, rate_hz, sink))
    base = runs.pop("base")
    for name, tooks in runs.items():
        of = {"profiler": name, "workload": workload, "rate": f"{rate_hz} Hz"}
        for metric in ("program", "tree", "wall"):
            found = estimate.excess(
                [getattr(took, metric) for took in tooks], [getattr(took, metric) for took in base]
            )
            yield Figure("overhead", metric, found.value, "%", of, found.low, found.high)
        helpers = estimate.median(
            [100 * (took.helpers - by.helpers) / by.program for took, by in zip(tooks, base)]
        )
        yield Figure("overhead", "helpers", helpers.value, "%", of, helpers.low, helpers.high)
        stop = estimate.median([(took.stop - by.stop) / 1e6 for took, by in zip(tooks, base)])
        yield Figure("overhead", "delivery", stop.value, "ms", of, stop.low, stop.high)


def measure(plan: Plan) -> Iterator[Figure]:
    """All workloads at both rates."""
    for rate_hz in RATES_HZ:
        for workload in WORKLOADS:
            plan.say(f"overhead: {workload}, {rate_hz} Hz")
            yield from figures(plan.profilers, workload, rate_hz, plan.rounds, "")
