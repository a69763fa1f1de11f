# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What it costs to enter and leave `tag_wrapper`, while profiling is on and while it is off.

`enter and leave` (ns) is the least of many rounds in a process, and the median of those of
several processes; `relative`, the least of all, is the same in steps of a loop of plain
Python in the same processes (see `reference`). What labels cost a sample is in `handler`
and `pipeline`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from benchmarks import estimate, ways
from benchmarks.environments import Environment, Unavailable, environment
from benchmarks.figures import Figure
from benchmarks.plan import Plan
from benchmarks.profilers import NONE, Profiler
from benchmarks.runner import ProgramFailed, run_for_result
from benchmarks.ways import FILE, PUSH, DoesNotPush

MODULES = {
    "pyroscope_native": "pyroscope_native",
    "pyroscope-io": "pyroscope",
    "pyroscope-io stack": "pyroscope",
}
"""By profiler, where its `tag_wrapper` is. Others have none."""


def _run(profiler: Profiler, module: str, within: Environment) -> dict[str, float]:
    with ways.recording(FILE if profiler is NONE else PUSH) as recording:
        words = ["-m", "benchmarks.labels_program", profiler.name, module]
        found: dict[str, float] = run_for_result(
            profiler, recording, [*words, json.dumps(recording._asdict())], within
        )
    return found


def figures(profiler: str, mode: str, runs: Sequence[dict[str, float]]) -> Iterator[Figure]:
    """Of what several processes have found."""
    reference_ns = min(run["reference"] for run in runs)
    for case in runs[0]:
        if case == "reference":
            continue
        took = [run[case] for run in runs]
        found = estimate.median(took)
        of = {"profiler": profiler, "profiling": mode, "case": case}
        yield Figure("labels", "enter and leave", found.value, "ns", of, found.low, found.high)
        yield Figure("labels", "relative", min(took) / reference_ns, "× reference", of)


def measure(plan: Plan) -> Iterator[Figure]:
    """Ours, and of the peers those that have it."""
    for profiler in plan.profilers:
        module = MODULES.get(profiler.name)
        if module is None:
            plan.unavailable(f"labels: {profiler.name}", "it has none")
            continue
        plan.say(f"labels: {profiler.name}")
        runs: dict[str, list[dict[str, float]]] = {"on": [], "off": []}
        try:
            within = environment(profiler)
            for _ in range(plan.rounds):
                runs["on"].append(_run(profiler, module, within))
                runs["off"].append(_run(NONE, module, within))
        except (DoesNotPush, ProgramFailed, Unavailable) as error:
            plan.unavailable(f"labels: {profiler.name}", str(error))
            continue
        for mode, found in runs.items():
            yield from figures(profiler.name, mode, found)
