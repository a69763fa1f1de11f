# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""pyperformance's deltablue: constraints, in methods of many small objects."""

from __future__ import annotations

from benchmarks.workloads._pyperformance import load

_DELTABLUE = load("deltablue")


def run() -> int:
    """About two seconds of CPU."""
    for _ in range(600):
        _DELTABLUE.delta_blue(100)
    return 0
