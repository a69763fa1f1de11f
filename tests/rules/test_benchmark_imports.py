# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What runs in a profiler's environment finds there all that it imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

WORKLOADS = sorted(
    path.stem
    for path in (ROOT / "benchmarks" / "workloads").glob("[a-z]*.py")
    if "_pyperformance" not in path.read_text()
)


SERVICES = sorted(path.stem for path in (ROOT / "benchmarks" / "services").glob("[a-z]*.py"))


def modules_after(statements: str) -> set[str]:
    """The modules that are there after them, where no package is installed."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"{statements}\nimport sys\nprint(*sys.modules)"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return set(done.stdout.split())


def test_programs_need_no_package_but_the_profilers() -> None:
    found = modules_after(
        "import benchmarks.program, benchmarks.serve, benchmarks.recorded\n"
        "import benchmarks.labels_program, benchmarks.memory_program, benchmarks.start_program\n"
        "from benchmarks.profilers import PROFILERS\n"
        "for profiler in PROFILERS.values(): profiler.load()"
    )
    assert {"benchmarks.profilers.ddtrace", "benchmarks.profilers.pyroscope_native"} <= found
    assert "pyroscope_native" not in found


def test_workloads_know_nothing_of_profilers() -> None:
    assert {"recursion", "coroutines", "released"} <= {*WORKLOADS}
    found = modules_after("\n".join(f"import benchmarks.workloads.{name}" for name in WORKLOADS))
    ours = {name for name in found if name.startswith("benchmarks.")}
    assert {name for name in ours if not name.startswith("benchmarks.workloads")} == set()


def test_services_know_nothing_of_profilers() -> None:
    assert {"asgi", "wsgi"} <= {*SERVICES}
    found = modules_after("\n".join(f"import benchmarks.services.{name}" for name in SERVICES))
    ours = {name for name in found if name.startswith("benchmarks.")}
    assert {name for name in ours if not name.startswith("benchmarks.services")} == set()
