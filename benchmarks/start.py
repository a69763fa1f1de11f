# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What a profiler adds to a short program: before it begins, and after its last line.

In pairs with the same program without a profiler, in the same environment; ms and MB:

    import     the import statements of the profiler's user (profilers' `begin`)
    start      the rest until it profiles, with whatever it imports by itself then
    cpu        CPU time of both; `relative cpu`, the least, in a thousand steps of a loop of
               plain Python in the same processes (see `reference`)
    imported   by how much resident memory has grown after the import statements
    started    the same when it profiles
    exit       from the program's last line to the end of the process, or of the one that
               started it: the profile is delivered by then
    program    all of it, from the start of the process

A profiler outside of the process has the last two. `way` is where the profile goes, a file
or a server on loopback.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from benchmarks import estimate, ways
from benchmarks.environments import Environment, Unavailable, environment
from benchmarks.figures import Figure
from benchmarks.plan import Plan
from benchmarks.profilers import NONE, Profiler, Recording
from benchmarks.runner import ProgramFailed, run_for_result
from benchmarks.start_program import Started
from benchmarks.ways import FILE, PUSH, DoesNotPush


class Seen(NamedTuple):
    """One run."""

    started: Started
    exit_ns: int
    program_ns: int


def _run(profiler: Profiler, recording: Recording, within: Environment) -> Seen:
    words = ["-m", "benchmarks.start_program", profiler.name, json.dumps(recording._asdict())]
    began_ns = time.monotonic_ns()
    started = Started(**run_for_result(profiler, recording, words, within))
    ended_ns = time.monotonic_ns()
    return Seen(started, ended_ns - started.last_line_ns, ended_ns - began_ns)


def _pair(profiler: Profiler, recording: Recording, within: Environment) -> tuple[Seen, Seen]:
    return _run(profiler, recording, within), _run(NONE, recording, within)


def figures(
    profiler: Profiler, way: str, pairs: Sequence[tuple[Seen, Seen]], inside: bool
) -> Iterator[Figure]:
    """Of runs with the profiler, each with one without; `inside`: it is in the process."""
    more = {
        "exit": [ours.exit_ns - none.exit_ns for ours, none in pairs],
        "program": [ours.program_ns - none.program_ns for ours, none in pairs],
    }
    started = [(ours.started, none.started) for ours, none in pairs]
    if inside:
        more["import"] = [ours.import_ns for ours, _ in started]
        more["cpu"] = [ours.cpu_ns - none.cpu_ns for ours, none in started]
        more["start"] = [ours.start_ns - none.start_ns for ours, none in started]
    resident = {
        "imported": [ours.imported_kb for ours, _ in started],
        "started": [ours.started_kb - none.started_kb for ours, none in started],
    }
    scaled = [(name, "ms", [ns / 1e6 for ns in more[name]]) for name in more]
    if inside:
        scaled += [(name, "MB", [kb / 1024 for kb in resident[name]]) for name in resident]
    of = {"profiler": profiler.name, "way": way}
    for metric, unit, values in scaled:
        found = estimate.median(values)
        yield Figure("start", metric, found.value, unit, of, found.low, found.high)
    if inside:
        reference_ns = min(each.reference_ns for pair in started for each in pair)
        relative = min(more["cpu"]) / reference_ns
        yield Figure("start", "relative cpu", relative, "× reference", of)


def measure(plan: Plan) -> Iterator[Figure]:
    """Each profiler, both ways."""
    for profiler in plan.profilers:
        for way in (FILE, PUSH):
            plan.say(f"start: {profiler.name}, {way}")
            try:
                within = environment(profiler)
                with ways.recording(way) as recording:
                    _pair(profiler, recording, within)  # reads files, and writes byte code
                with ways.recording(way) as recording:
                    pairs = [_pair(profiler, recording, within) for _ in range(plan.rounds)]
            except (DoesNotPush, ProgramFailed, Unavailable) as error:
                plan.unavailable(f"start: {profiler.name}, {way}", str(error))
            else:
                inside = hasattr(profiler.load(), "begin")
                yield from figures(profiler, way, pairs, inside)
