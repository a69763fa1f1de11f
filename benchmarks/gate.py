# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Hold figures against the budgets of budgets.toml; exit status 1 if one is exceeded.

    python -m benchmarks.gate [RUN.json] [--only BENCHMARK …] [--rounds N] [--once]

Without RUN.json measures what budgets are of, in the benchmarks' quick form, and where one
seems to be exceeded once more, with three times the rounds: only what is exceeded twice
fails. A figure with a confidence interval exceeds a limit when all of the interval does.
The figures are kept in build/benchmarks/gate.json.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks import budgets, machine
from benchmarks.budgets import Budget, Verdict
from benchmarks.environments import DIRECTORY, ROOT
from benchmarks.figures import Run

KEPT = DIRECTORY / "gate.json"
ROUNDS = 3
IN_DOUBT = 3
"""So many times the rounds."""

HELP = """
Look closer:   python -m benchmarks {benchmark} --rounds {rounds}
               (benchmarks/{benchmark}.py says what is measured, and how)
Is it wanted?  Raise the limit in benchmarks/budgets.toml, and say there why it is worth it.
"""


def measure(names: Iterable[str], rounds: int) -> None:
    """Run the quick form of benchmarks, each for itself: one that fails leaves no figures."""
    for name in names:
        words = ["-m", "benchmarks", name, "--quick", "--rounds", str(rounds)]
        subprocess.run(
            [sys.executable, *words, "--output", str(KEPT)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            check=False,
        )


def measured(limits: Sequence[Budget], rounds: int, once: bool = False) -> list[Verdict]:
    """Measure, and, unless it is to be done once, in doubt again."""
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    Run(machine.describe(), [], {}).write(KEPT)
    measure(dict.fromkeys(budget.benchmark for budget in limits), rounds)
    verdicts = judged(limits, KEPT)
    doubtful = benchmarks_of(verdicts)
    if doubtful and not once:
        print(f"{table(verdicts)}\n\nonce more: {', '.join(doubtful)}", flush=True)
        measure(doubtful, IN_DOUBT * rounds)
        verdicts = judged(limits, KEPT)
    return verdicts


def judged(limits: Sequence[Budget], path: Path) -> list[Verdict]:
    """What the figures in a file say to the budgets."""
    run = Run.read(path)
    return [budgets.judge(budget, run) for budget in limits]


def benchmarks_of(verdicts: Iterable[Verdict]) -> list[str]:
    """The benchmarks whose figures exceed a budget."""
    return list(dict.fromkeys(each.budget.benchmark for each in verdicts if each.faults))


def table(verdicts: Sequence[Verdict]) -> str:
    """A line for each budget that was judged, and the numbers of others by what is why."""
    lines = []
    for budget, worst, skipped, faults in verdicts:
        if not skipped:
            value = f"{worst.value:.4g}" if worst else "–"
            word = "kept" if not faults else "EXCEEDED" if worst else "NO FIGURE"
            lines.append(f"{budget!s:72}{value:>10}  {budget.limit:16} {budget.unit:14} {word}")
    reasons = Counter(verdict.skipped for verdict in verdicts if verdict.skipped)
    lines += [f"{count} skipped: {reason}" for reason, count in reasons.items()]
    return "\n".join(lines)


def explained(verdicts: Sequence[Verdict]) -> str:
    """What is wrong, and what to do."""
    texts = []
    for verdict in verdicts:
        budget = verdict.budget
        if verdict.faults:
            lines = [f"{budget}: {budget.limit} {budget.unit}", *verdict.faults]
            texts.append("\n  ".join([*lines, f"why that limit: {budget.reason}"]))
    advice = [HELP.format(benchmark=n, rounds=IN_DOUBT * ROUNDS) for n in benchmarks_of(verdicts)]
    return "\n\n".join([*texts, *advice])


def main() -> int:
    """Judge what the command line names; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", nargs="?", type=Path, metavar="RUN.json", help="judge these figures")
    parser.add_argument("--only", action="append", default=[], metavar="BENCHMARK")
    parser.add_argument("--once", action="store_true", help="measure nothing again")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"default: {ROUNDS}")
    options = parser.parse_args()
    limits = [
        budget for budget in budgets.read() if not options.only or budget.benchmark in options.only
    ]
    if not limits:
        parser.error(f"there is no budget of {', '.join(options.only)}")
    if options.run:
        verdicts = judged(limits, options.run)
    else:
        verdicts = measured(limits, options.rounds, options.once)
    print(table(verdicts))
    if any(verdict.faults for verdict in verdicts):
        print("\n" + explained(verdicts), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
