# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What comes behind the handler: samples are drained, folded, encoded and uploaded.

The windows are those of a busy service's ten seconds (`windows`): a thousand distinct
stacks of 30 to 60 frames, at 100 Hz each met once, at 1000 Hz ten times, where each
time may have other labels, of a thousand label sets. Samples come from the real handler.

`cpu`, `wall` (µs for 1000 samples, the median of the rounds) and their ratios to a loop of
plain Python in the same rounds (`relative cpu`, `relative wall`: the least of the one by the
least of the other, since what disturbs only adds; see `reference`), by stage:

    drain    from the ring to the tree of stacks, in C
    fold     from that to names, lines, labels and a profile
    name     of it, before CPython 3.11: to look qualified names up
    encode   to the gzipped bodies of requests
    upload   to a server on loopback, over a new connection each time
    all      together

`longest hold` (ms) is the longest that one thread of the program had to wait for the GIL
because ours had it, in a window; counted is the CPU time that ours used meanwhile, so a
neighbour on the machine is not in it. A thread that runs Python lets go of the GIL when
somebody has waited for 5 ms, the interpreter's switch interval, and ours before that.
`longest piece` is the same with an interval of next to nothing: what can't be interrupted.

`pprof`, `sent` (bytes) of these windows, and of ten seconds at 100 Hz of workloads, for
which each profiler that pushes is measured: all that it has sent for them.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks import estimate
from benchmarks.environments import Unavailable
from benchmarks.figures import Figure
from benchmarks.plan import Plan
from benchmarks.profilers import NONE, OURS, Profiler, Recording
from benchmarks.runner import ProgramFailed, run, run_for_result
from benchmarks.sink import Sink
from benchmarks.windows import SIZES, Size

WORKLOADS = ("recursion", "coroutines", "calls")
RECORDED_S = 10
_ONE_WINDOW_S = 60
"""An upload interval in which the recording is over."""


def _program(name: str, size: Size, sink: str, rounds: int) -> Any:
    words = ["-m", f"benchmarks.{name}", str(size.rate_hz), str(int(size.labelled)), sink]
    return run_for_result(NONE, Recording(size.rate_hz, ""), [*words, str(rounds)])


def _figure(metric: str, values: Sequence[float], unit: str, **of: str) -> Figure:
    found = estimate.median(values)
    return Figure("pipeline", metric, found.value, unit, of, found.low, found.high)


def stage_figures(size: Size, windows: Sequence[dict[str, Any]]) -> Iterator[Figure]:
    """Of the rounds of `pipeline_stages`."""
    for window in windows:
        spent = window["spent"]
        parts = [spent[stage] for stage in spent if stage not in ("reference", "name")]
        spent["all"] = [sum(values) for values in zip(*parts)]
    for stage in [stage for stage in windows[0]["spent"] if stage != "reference"]:
        of = {"profiler": OURS.name, **size.of, "stage": stage}
        for place, metric in enumerate(("cpu", "wall")):
            took = [window["spent"][stage][place] for window in windows]
            by = [window["spent"]["reference"][place] for window in windows]
            yield _figure(metric, [ns / 1e3 for ns in took], "µs", **of)
            yield Figure("pipeline", f"relative {metric}", min(took) / min(by), "× reference", of)
    of = {"profiler": OURS.name, **size.of}
    for metric, field in (("pprof", "pprof_bytes"), ("sent", "sent_bytes")):
        yield _figure(metric, [window[field] for window in windows], "bytes", **of)


def _holds(plan: Plan, size: Size, holds: Sequence[Any]) -> Iterator[Figure]:
    of = {"profiler": OURS.name, **size.of}
    for place, metric in enumerate(("longest hold", "longest piece")):
        longest = [window[place] for window in holds]
        yield _figure(metric, [ns / 1e6 for ns, _ in longest], "ms", **of)
        where = max(longest)[1]
        plan.say(f"pipeline: {metric} at {size.rate_hz} Hz: before {where}")


def _sent(profiler: Profiler, workload: str) -> int:
    """Bytes for ten seconds of it."""
    with Sink() as sink, tempfile.TemporaryDirectory() as directory:
        recording = Recording(100, directory, sink.address, _ONE_WINDOW_S)
        words = ["-m", "benchmarks.recorded", profiler.name, workload, str(RECORDED_S)]
        run(profiler, recording, [*words, json.dumps(recording._asdict())])
    return sum(sink.uploads)


def _recorded(plan: Plan) -> Iterator[Figure]:
    for profiler in plan.profilers:
        for workload in WORKLOADS:
            plan.say(f"pipeline: {profiler.name}, what it sends of {workload}")
            try:
                sizes = [_sent(profiler, workload) for _ in range(plan.rounds)]
            except (ProgramFailed, Unavailable) as error:
                plan.unavailable(f"pipeline: {profiler.name}, {workload}", str(error))
                break
            if not any(sizes):
                plan.unavailable(f"pipeline: {profiler.name}", "it does not push")
                break
            of = {"profiler": profiler.name, "workload": workload, "rate": "100 Hz"}
            yield _figure("sent", sizes, "bytes", **of)


def measure(plan: Plan) -> Iterator[Figure]:
    """Ours by stage, and what is sent by all."""
    with Sink() as sink:
        for size in (SIZES[0], SIZES[-1]) if plan.quick else SIZES:
            plan.say(f"pipeline: stages at {size.rate_hz} Hz")
            windows = _program("pipeline_stages", size, sink.address, 2 * plan.rounds + 1)
            yield from stage_figures(size, windows)
            plan.say(f"pipeline: holds of the GIL at {size.rate_hz} Hz")
            holds = _program("pipeline_holds", size, sink.address, plan.rounds)
            yield from _holds(plan, size, holds)
    if not plan.quick:
        yield from _recorded(plan)
