# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Measure, print, and keep the figures as JSON.

python -m benchmarks [BENCHMARK …] [--peers] [--rounds N] [--quick] [--output RUN.json]
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from benchmarks import machine
from benchmarks.environments import ROOT
from benchmarks.figures import Figure, Run
from benchmarks.plan import Plan
from benchmarks.profilers import OURS, PEERS
from benchmarks.versions import versions

BENCHMARKS = (
    "handler",
    "overhead",
    "idle",
    "service",
    "pipeline",
    "labels",
    "memory",
    "accuracy",
    "start",
    "installed",
)
"""Modules, each with a function `measure(plan)` that yields figures."""


def main() -> int:
    """Measure what the command line names; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "benchmark",
        nargs="*",
        default=[],
        help=f"of {', '.join(BENCHMARKS)}; all, if none is named",
    )
    parser.add_argument("--peers", action="store_true", help="measure other profilers beside ours")
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        choices=[peer.name for peer in PEERS],
        help="only this",
    )
    parser.add_argument("--rounds", type=int, default=5, help="runs of each case (default: 5)")
    parser.add_argument("--quick", action="store_true", help="only what the gate looks at")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="RUN.json",
        help="keep the figures; those of other benchmarks that are in the file stay",
    )
    options = parser.parse_args()
    for name in options.benchmark:
        if name not in BENCHMARKS:
            parser.error(f"no benchmark {name!r}: there are {', '.join(BENCHMARKS)}")

    names = options.benchmark or list(BENCHMARKS)
    figures: list[Figure] = []
    unavailable: dict[str, str] = {}
    wanted = options.peer or [peer.name for peer in PEERS if options.peers]
    plan = Plan(
        (OURS, *(peer for peer in PEERS if peer.name in wanted)),
        options.rounds,
        options.quick,
        # Where this checkout lies says nothing to who reads of the run.
        lambda what, why: unavailable.update({what: why.replace(f"{ROOT}/", "")}),
        lambda text: print(text, file=sys.stderr, flush=True),
    )

    try:
        for name in names:
            for figure in importlib.import_module(f"benchmarks.{name}").measure(plan):
                figures.append(figure)
                print(figure, flush=True)
    except KeyboardInterrupt:
        print("interrupted: nothing is kept", file=sys.stderr)
        return 130
    for what, why in unavailable.items():
        print(f"not measured: {what}: {why}", file=sys.stderr)
    if options.output is not None:
        made_on = {**machine.describe(), **versions(plan.profilers)}
        run = Run(made_on, figures, unavailable)
        if options.output.exists():
            run = Run.read(options.output).replaced(names, run)
        run.write(options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
