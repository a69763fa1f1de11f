# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What the package costs that is installed and imported, before anything is profiled.

A wheel of this checkout, without debug sections as wheels are released, or that which
BENCHMARKS_WHEEL names, is installed with pip in an environment that has nothing else. A
program imports it there and nothing before, in pairs with one that imports nothing, so that
of the standard library, too, all that a bare interpreter lacks is counted:

    import     CPU time of the import statement, in ms: what it takes where files are cached
               and nobody else wants the processor
    relative cpu   the least of it, in a thousand steps of a loop of plain Python in the same
               processes (see `reference`)
    resident   by how much resident memory grows, in MB: pages of the core's file count, which
               other processes may share, since limits of containers count them
    wheel      bytes of the file, in kB
    on disk    of what is installed, byte code included

`imports` is "package" for `import pyroscope_native` alone, "names" for what a program takes
from it that configures and labels.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks import estimate
from benchmarks.environments import ROOT, Environment, Unavailable
from benchmarks.figures import Figure
from benchmarks.installed_wheel import installed, wheel
from benchmarks.plan import Plan
from benchmarks.profilers import OURS
from benchmarks.runner import ProgramFailed, ended, variables

STATEMENTS = {
    "package": "import pyroscope_native",
    "names": "from pyroscope_native import configure, profile, stats, tag_wrapper",
}
_NOTHING = "pass"
PROGRAM = ROOT / "benchmarks" / "installed_program.py"


class Imported(NamedTuple):
    """What one program has seen of its statement."""

    cpu_ns: int
    resident_bytes: int
    reference_ns: int
    """CPU time of a thousand steps of the reference."""
    origin: str
    """The file of the package; empty, if that has not been imported."""


Pair = tuple[Imported, Imported]
"""With the package, and without."""


def imported(statement: str, within: Environment) -> Imported:
    """Run a statement in a process of its own.

    Raises:
        ProgramFailed: it ended with another status than 0
    """
    # Isolated: this checkout is not where the package is looked for.
    command = [str(within.python), "-I", str(PROGRAM), statement, str(ROOT)]
    done = subprocess.run(command, env=variables(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ended(done.returncode, done.stderr)
    return Imported(**json.loads(done.stdout))


def figures(imports: str, pairs: Sequence[Pair]) -> Iterator[Figure]:
    """Of programs with a statement, each with one without."""
    of = {"profiler": OURS.name, "imports": imports}
    scaled = {
        ("import", "ms"): [(ours.cpu_ns - none.cpu_ns) / 1e6 for ours, none in pairs],
        ("resident", "MB"): [
            (ours.resident_bytes - none.resident_bytes) / 2**20 for ours, none in pairs
        ],
    }
    for (metric, unit), values in scaled.items():
        found = estimate.median(values)
        yield Figure("installed", metric, found.value, unit, of, found.low, found.high)
    least = min(ours.cpu_ns for ours, _ in pairs) - min(none.cpu_ns for _, none in pairs)
    reference_ns = min(each.reference_ns for pair in pairs for each in pair)
    yield Figure("installed", "relative cpu", least / reference_ns, "× reference", of)


def sizes(packed: Path, package: Path) -> Iterator[Figure]:
    """Of the wheel, and of the package's directory where it is installed."""
    of = {"profiler": OURS.name}
    on_disk = sum(path.stat().st_size for path in package.rglob("*") if path.is_file())
    yield Figure("installed", "wheel", packed.stat().st_size / 1000, "kB", of)
    yield Figure("installed", "on disk", on_disk / 1000, "kB", of)


def measure(plan: Plan) -> Iterator[Figure]:
    """Ours only: that of others is `start`'s, which has what they need installed."""
    plan.say("installed: the wheel")
    try:
        packed = wheel()
        within = installed(packed)
        origin = imported(STATEMENTS["package"], within).origin
        yield from sizes(packed, Path(origin).parent)
        for imports, statement in STATEMENTS.items():
            plan.say(f"installed: {imports}")
            imported(statement, within)  # reads files
            pairs = [
                (imported(statement, within), imported(_NOTHING, within))
                for _ in range(3 * plan.rounds)  # they are short
            ]
            yield from figures(imports, pairs)
    except (ProgramFailed, Unavailable) as error:
        plan.unavailable("installed: the wheel", str(error))
