# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What a tick costs, by the depth of the stack.

    instructions         of the handler, for a tick, as valgrind's callgrind counts them
    drain instructions   of taking a tick's record out of the ring, where its stack is known
    time                 of the handler, in ns: a signal that the thread sends to itself as
                         its CPU timer would, less the same with an empty handler
    relative time        that time by a getppid system call's, of the same round

`depth` is the number of frames, all of plain functions; `case` is a stack of another kind.
Instructions repeat, whatever else the machine does: run to run within a thousandth, and
within five where there are labels. They depend on the processor's architecture, the compiler
and CPython. Times are medians of short, interleaved rounds, and of those in several
processes, since where things come to lie in memory matters.

Other versions of CPython are measured where they can be had, see `environments`. The core is
built for them in this folder, beside that of the interpreter that measures. Counting wants
valgrind and its header (apt-get install valgrind).
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import estimate, handler_counts
from benchmarks.environments import OURS as HERE
from benchmarks.environments import ROOT, Environment, Unavailable, environment
from benchmarks.figures import Figure
from benchmarks.handler_cases import CASES, Case
from benchmarks.plan import Plan
from benchmarks.profilers import NONE, OURS, Profiler, Recording
from benchmarks.runner import ProgramFailed, run, run_for_result

VERSIONS = tuple(f"3.{minor}" for minor in range(9, 16))
RUNNING = f"3.{sys.version_info[1]}"
BUILDING = ("setuptools>=77", "Cython>=3.1", "protobuf>=4.21")
CALLGRIND = (
    "valgrind",
    "--quiet",
    "--tool=callgrind",
    "--collect-atstart=no",
    "--toggle-collect=on_signal_sig",
    "--toggle-collect=pn_drain_gil",
)
_RECORDING = Recording(0, "")
"""None: ticks are our own."""


def _version(minor: str) -> Environment:
    """An environment of that CPython, in which our core can be imported.

    Raises:
        Unavailable: there is none, or it can't be built
    """
    if minor == RUNNING:
        return HERE
    within = environment(Profiler(f"CPython {minor}", "", BUILDING, minor))
    build = ("setup.py", "--quiet", "build_ext", "--inplace", "--force")
    done = subprocess.run(
        [*within.before, str(within.python), *build],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Unavailable("our core can't be built: " + done.stdout.strip().splitlines()[-1])
    return within


def _counts(within: Environment) -> dict[str, float]:
    """What callgrind has counted, by name.

    Raises:
        ProgramFailed: there is no valgrind, or the program has failed
    """
    with tempfile.TemporaryDirectory() as directory:
        before = (*within.before, *CALLGRIND, f"--callgrind-out-file={directory}/out")
        words = [str(ROOT / "benchmarks" / "handler_counts.py")]
        try:
            run(NONE, _RECORDING, words, within._replace(before=before))
        except FileNotFoundError as error:
            raise ProgramFailed("there is no valgrind") from error
        texts = [path.read_text() for path in Path(directory).glob("out.*")]
    counts: dict[str, float] = {}
    for text in texts:
        name = re.search(r"^desc: Trigger: Client Request: (.*)$", text, re.MULTILINE)
        total = re.search(r"^totals: (\d+)$", text, re.MULTILINE)
        if name and total:
            counts[name[1]] = int(total[1])
    return counts


def _of(case: Case, minor: str) -> dict[str, str]:
    return {"profiler": OURS.name, "python": minor, **case.of}


def count_figures(minor: str, counts: dict[str, float]) -> Iterator[Figure]:
    """Of what callgrind has counted, by name.

    Raises:
        ProgramFailed: nothing has been counted of a case
    """
    for metric, name in (("instructions", "handler"), ("drain instructions", "drain")):
        for number, case in enumerate(CASES):
            counted = counts.get(f"{name} {number}", 0)
            if not counted:
                raise ProgramFailed(f"callgrind has counted nothing of the {name}, {case.of}")
            each = counted / handler_counts.TICKS
            yield Figure("handler", metric, each, "instructions", _of(case, minor))


def time_figures(minor: str, processes: Sequence[Sequence[Sequence[float]]]) -> Iterator[Figure]:
    """Of the rounds of some processes, as `handler_times` has them."""
    for number, case in enumerate(CASES, 1):
        of = _of(case, minor)
        times = [statistics.median(r[number] for r in rounds) for rounds in processes]
        ratios = [statistics.median(r[number] / r[0] for r in rounds) for rounds in processes]
        for metric, unit, values in (
            ("time", "ns", times),
            ("relative time", "× getppid", ratios),
        ):
            found = estimate.median(values)
            yield Figure("handler", metric, found.value, unit, of, found.low, found.high)


def measure(plan: Plan) -> Iterator[Figure]:
    """Each version of CPython."""
    for minor in (RUNNING,) if plan.quick else VERSIONS:
        try:
            within = _version(minor)
        except Unavailable as error:
            plan.unavailable(f"handler: CPython {minor}", str(error))
            continue
        plan.say(f"handler: times, CPython {minor}")
        words = [str(ROOT / "benchmarks" / "handler_times.py")]
        try:
            yield from time_figures(
                minor,
                [run_for_result(NONE, _RECORDING, words, within) for _ in range(plan.rounds)],
            )
        except ProgramFailed as error:
            plan.unavailable(f"handler: times, CPython {minor}", str(error))
        plan.say(f"handler: instructions, CPython {minor}")
        try:
            yield from count_figures(minor, _counts(within))
        except ProgramFailed as error:
            remedy = "counting takes valgrind and its header: apt-get install valgrind"
            plan.unavailable(f"handler: instructions, CPython {minor}", f"{error}; {remedy}")
