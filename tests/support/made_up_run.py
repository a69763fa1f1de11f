# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A run of all benchmarks that nobody has made, for tests of the report."""

from __future__ import annotations

import random
from collections.abc import Sequence

from benchmarks.figures import Figure, Run

PROFILERS = (
    "none",
    "pyroscope_native",
    "pyroscope-io",
    "pyroscope-io stack",
    "ddtrace",
    "py-spy",
    "austin",
    "profiling.sampling",
    "pyinstrument",
    "scalene",
    "yappi",
    "cProfile",
)
MACHINE = {
    "processor": "Imaginary 9000",
    "processors": "2",
    "kernel": "Linux 0.0",
    "ddtrace": "9.9",
}


def made_up_run(profilers: Sequence[str] = PROFILERS) -> Run:
    """The same figures each time."""
    chance = random.Random(1)

    def figure(benchmark: str, metric: str, unit: str, size: float, **of: str) -> Figure:
        value = size * chance.lognormvariate(0, 0.8)
        return Figure(benchmark, metric, value, unit, of, value - size / 5, value + size / 3)

    figures = []
    for place, profiler in enumerate(profilers):
        size = 0.01 + 0.4 * place
        for workload in ("recursion", "calls", "coroutines", "json_loads"):
            for rate in ("100 Hz", "1000 Hz"):
                of = {"profiler": profiler, "workload": workload, "rate": rate}
                figures += [
                    figure("overhead", "helpers", "%", size, **of),
                    figure("overhead", "tree", "%", 4 * size - 5, **of),
                    figure("overhead", "counted", "%", size, **of),
                ]
        of = {"profiler": profiler}
        figures += [
            figure("idle", "idle", "CPU s/h", 10**size / 3, threads="32", **of),
            figure("memory", "added", "MB", 3 * size, **of),
            figure("start", "import", "ms", 20 * size, **of),
        ]
        for depth in ("1", "10", "100", "1000"):
            figures.append(figure("accuracy", "claimed", "ratio", 1, depth=depth, **of))
        for workload in ("WSGI", "ASGI"):
            for percentile in ("50", "90", "99", "99.9"):
                latency = size * 10 / (100.1 - float(percentile))
                more = {"workload": workload, "percentile": percentile}
                figures.append(figure("service", "latency", "ms", latency, **of, **more))
    for python in ("3.9", "3.12", "3.15"):
        for depth in ("1", "10", "100", "1000"):
            of = {"depth": depth, "python": python}
            figures += [
                figure("handler", "instructions", "instructions", 50 + 9 * int(depth), **of),
                figure("handler", "time", "ns", 90 + 3 * int(depth), **of),
            ]
    figures.append(figure("pipeline", "fold", "µs", 4))
    return Run(MACHINE, figures, {"scalene, coroutines": "it hung"})
