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
        runs = [{"profiler": profiler}]
        if profiler == "profiling.sampling":  # needs another Python, where none is run, too
            runs = [{"profiler": each, "python": "3.15"} for each in (profiler, "none")]
        for workload in ("recursion", "calls", "coroutines", "json_loads"):
            for rate in ("100 Hz", "1000 Hz"):
                for run in runs:
                    of = {**run, "workload": workload, "rate": rate}
                    figures += [
                        figure("overhead", "helpers", "%", size, **of),
                        figure("overhead", "tree", "%", 4 * size - 5, **of),
                        figure("overhead", "counted", "%", size, **of),
                    ]
        of = {"profiler": profiler}
        figures += [
            figure("idle", "tree", "CPU s/h", 10**size / 3, **of),
            figure("idle", "added", "CPU s/h", 10**size / 4, **of),
            figure("start", "import", "ms", 20 * size, **of),
            figure("pipeline", "sent", "bytes", 1000 * size, workload="calls", rate="100 Hz", **of),
        ]
        for way in ("file", "push"):
            figures.append(figure("memory", "running", "MB", 3 * size, way=way, **of))
        for depth in ("1", "10", "100", "1000"):
            figures.append(figure("accuracy", "claimed", "ratio", 1, depth=depth, **of))
        for workload in ("wsgi", "asgi"):
            for percentile in ("50", "90", "99", "99.9", "100"):
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
    for stage in ("drain", "fold", "encode"):
        figures.append(figure("pipeline", "cpu", "µs", 4, profiler="pyroscope_native", stage=stage))
    return Run(MACHINE, figures, {"scalene, coroutines": "it hung"})
