# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Which versions of other profilers a run has measured."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator

from benchmarks.environments import Unavailable, environment
from benchmarks.profilers import Profiler

_PRINT = "import sys, importlib.metadata as m; print(m.version(sys.argv[1]))"


def versions(profilers: Iterable[Profiler]) -> dict[str, str]:
    """By profiler, of those that have an environment of their own; a part of Python has its
    Python's. What can't be had is left out."""
    return dict(_found(profilers))


def _found(profilers: Iterable[Profiler]) -> Iterator[tuple[str, str]]:
    for profiler in profilers:
        if not profiler.has_own_environment:
            continue
        try:
            within = environment(profiler)
        except Unavailable:
            continue
        if not profiler.requirements:
            yield profiler.name, f"Python {within.version.split()[0]}"
            continue
        distribution = profiler.requirements[0].partition("==")[0]
        done = subprocess.run(
            [*within.before, str(within.python), "-c", _PRINT, distribution],
            check=True,
            capture_output=True,
            text=True,
        )
        yield profiler.name, done.stdout.strip()
