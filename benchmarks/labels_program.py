# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The program in which `labels` enters and leaves a profiler's `tag_wrapper`.

    python -m benchmarks.labels_program PROFILER MODULE RECORDING RESULT

Nothing is profiled if PROFILER is "none". The result is nanoseconds by case, and those of a
step of the reference.
"""

from __future__ import annotations

import importlib
import json
import sys
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import reference
from benchmarks.profilers import PROFILERS, Recording

_REPEATS, _COUNT = 20, 2000

Case = Callable[[], None]


def cases(tag_wrapper: Any) -> dict[str, Case]:
    """What is timed."""

    def one() -> None:
        with tag_wrapper({"endpoint": "/users/{id}"}):
            pass

    def three() -> None:
        with tag_wrapper({"endpoint": "/users/{id}", "method": "GET", "tenant": "acme"}):
            pass

    def nested() -> None:
        with tag_wrapper({"endpoint": "/users/{id}"}), tag_wrapper({"method": "GET"}):
            pass

    return {"one label": one, "three labels": three, "one within another": nested}


def measure(module: str) -> dict[str, float]:
    """The least of many rounds, in which all have their turn."""
    least: dict[str, float] = {}
    found = cases(importlib.import_module(module).tag_wrapper)
    for _ in range(_REPEATS):
        took = {name: timeit.timeit(case, number=_COUNT) * 1e9 for name, case in found.items()}
        took = {name: ns / _COUNT for name, ns in took.items()}
        took["reference"] = reference.spent().wall / 1000
        least = {name: min(ns, least.get(name, ns)) for name, ns in took.items()}
    return least


def main() -> None:
    """Measure, and write the result."""
    profiler, module, recording, result = sys.argv[1:]
    stop = PROFILERS[profiler].load().begin(Recording(**json.loads(recording)))
    least = measure(module)
    stop()
    Path(result).write_text(json.dumps(least))


if __name__ == "__main__":
    main()
