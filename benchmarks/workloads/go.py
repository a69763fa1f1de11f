# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""pyperformance's go: a board game's random playouts, in deep and short calls."""

from __future__ import annotations

from benchmarks.workloads._pyperformance import load

_GO = load("go")


def run() -> int:
    """About two seconds of CPU."""
    for _ in range(16):
        _GO.versus_cpu()
    return 0
