# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""CPU time of workloads with and without a profiler, in turns.

In each round every profiler, and none twice, runs each workload once, in an order that
differs from round to round. A run is compared with that run of its round without a profiler
(of the same interpreter) which is the base. All push to a server on loopback, or write a
file. Figures are medians over rounds; the profiler "none" is the second run without:
what it shows is noise, and no difference that is smaller means anything.

program         more CPU time of the program's own threads: handlers, hooks, caches, %
tree            more CPU time of all processes, the profiler's threads and helpers too, %
wall            more time, %
helpers         CPU time outside the program's own threads, % of the program's; it is
                counted, not a difference of long runs, so noise is small; nothing is
                uploaded meanwhile
counted         of ours: helpers, and samples × the cost of one, % of the program's; the cost is
                that of a signal's delivery, measured in the same process, and the handler's
                median time
sample          that cost, ns
delivered rate  of ours: samples per second of the program's CPU time
delivery        CPU time of the end: from the end of the work until the profile is delivered, ms;
                not known of profilers that start the program, and outlive it
upload          bytes of a profile as sent, of two seconds

Profilers that have a rate run all workloads at 100 Hz and some at 1000 Hz; those that look
at every call, a reference of another kind, run these only, once. The quick form is ours
alone, with a few workloads and no second run without: it is for what is counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from benchmarks import environments, estimate
from benchmarks.available import available
from benchmarks.environments import Environment
from benchmarks.estimate import Estimate
from benchmarks.figures import Figure
from benchmarks.plan import Plan
from benchmarks.profilers import NONE, Profiler
from benchmarks.program import Took
from benchmarks.progress import Progress
from benchmarks.runner import Outcome, ProgramFailed, run_pushing
from benchmarks.subjects import Subject, base_of, in_order, subjects

WORKLOADS = (
    "recursion",
    "calls",
    "contention",
    "released",
    "coroutines",
    "churn",
    "richards",
    "json_loads",
    "go",
    "deltablue",
    "nbody",
    "pyflate",
)
RATES_HZ = (100, 1000)
FEW = ("recursion", "coroutines")
"""What is run at 1000 Hz if peers are, and by those without a rate."""
INTERVAL_S = 60
"""Longer than any run: when the first window ends is partly up to chance."""
QUICK = {100: ("recursion", "coroutines", "released"), 1000: ("recursion",)}
QUICK_ROUNDS = 3


class Case(NamedTuple):
    """What is compared within a round."""

    workload: str
    rate_hz: int
    profilers: tuple[Profiler, ...]


def cases(plan: Plan, profilers: Sequence[Profiler]) -> list[Case]:
    """All that there is to compare."""
    every = (NONE, *profilers)
    sampling = tuple(profiler for profiler in every if profiler.samples)
    if plan.quick:  # what is counted needs no A/A pair
        return [Case(name, rate, sampling[1:]) for rate, names in QUICK.items() for name in names]
    few = FEW if len(profilers) > 1 else WORKLOADS
    return [
        *(Case(name, 100, every if name in FEW else sampling) for name in WORKLOADS),
        *(Case(name, 1000, sampling) for name in few),
    ]


def measure(plan: Plan) -> Iterator[Figure]:
    """All cases, one after the other."""
    profilers = available(plan)
    within = {each.name: environments.environment(each) for each in (NONE, *profilers)}
    rounds = min(plan.rounds, QUICK_ROUNDS) if plan.quick else plan.rounds
    todo = cases(plan, profilers)
    runs = sum(len(subjects(case.profilers, within)) for case in todo) * rounds
    progress = Progress(runs, plan.say)
    for case in todo:
        progress.announce(f"overhead: {case.workload}, {case.rate_hz} Hz")
        yield from _figures(plan, case, within, rounds, progress)


def _figures(
    plan: Plan, case: Case, within: Mapping[str, Environment], rounds: int, progress: Progress
) -> Iterator[Figure]:
    round_subjects = subjects(case.profilers, within)
    runs = _runs(plan, case, round_subjects, rounds, progress)
    for name, profiler, where in round_subjects:
        base = base_of(where)
        if name == base or not {name, base} <= runs.keys():
            continue
        of = {"profiler": name, "workload": case.workload, "rate": f"{case.rate_hz} Hz"}
        if where.version != environments.OURS.version:
            of["python"] = ".".join(where.version.split(".")[:2])
        if profiler != NONE and not all(outcome.delivered for outcome in runs[name]):
            what = f"overhead: the profile of {name}, {case.workload}, {case.rate_hz} Hz"
            plan.unavailable(what, "none was delivered")
        yield from figures(of, profiler, runs[name], [outcome.took for outcome in runs[base]])


def _runs(
    plan: Plan, case: Case, round_subjects: Sequence[Subject], rounds: int, progress: Progress
) -> dict[str, list[Outcome]]:
    """All runs by name, in the order of rounds; without whom the plan is told has failed."""
    runs: dict[str, list[Outcome]] = {subject.name: [] for subject in round_subjects}
    for number in range(rounds):
        for name, profiler, where in in_order(round_subjects, f"{case.workload} {number}"):
            progress.ran()
            if name not in runs:
                continue
            try:
                outcome = run_pushing(profiler, case.workload, case.rate_hz, INTERVAL_S, where)
            except ProgramFailed as error:
                what = f"overhead: {name}, {case.workload}, {case.rate_hz} Hz"
                plan.unavailable(what, str(error))
                del runs[name]
            else:
                runs[name].append(outcome)
    return runs


def figures(
    of: Mapping[str, str], profiler: Profiler, runs: Sequence[Outcome], base: Sequence[Took]
) -> Iterator[Figure]:
    """What runs of a profiler tell, beside those without, round by round."""
    tooks = [outcome.took for outcome in runs]

    def figure(metric: str, found: Estimate, unit: str) -> Figure:
        return Figure("overhead", metric, found.value, unit, of, found.low, found.high)

    for metric in ("program", "tree", "wall"):
        values = [getattr(took, metric) for took in tooks]
        yield figure(metric, estimate.excess(values, [getattr(by, metric) for by in base]), "%")
    helpers = [(took.helpers - by.helpers) / by.program for took, by in zip(tooks, base)]
    yield figure("helpers", estimate.median([100 * share for share in helpers]), "%")
    if all(took.samples for took in tooks):
        handlers = [took.samples * took.sample_ns / took.program for took in tooks]
        counted = [100 * (helper + handler) for helper, handler in zip(helpers, handlers)]
        yield figure("counted", estimate.median(counted), "%")
        yield figure("sample", estimate.median([took.sample_ns for took in tooks]), "ns")
        rates = [took.samples * 1e9 / took.program for took in tooks]
        yield figure("delivered rate", estimate.median(rates), "Hz")
    if hasattr(profiler.load(), "begin"):
        stops = [(took.stop - by.stop) / 1e6 for took, by in zip(tooks, base)]
        yield figure("delivery", estimate.median(stops), "ms")
    uploads = [size for outcome in runs for size in outcome.uploads]
    if uploads:
        yield figure("upload", estimate.median(uploads), "bytes")
