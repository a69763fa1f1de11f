# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""pyperformance's nbody: arithmetic in one function."""

from __future__ import annotations

from benchmarks.workloads._pyperformance import load

_NBODY = load("nbody")


def run() -> int:
    """About two seconds of CPU."""
    _NBODY.bench_nbody(22, "sun", 20_000)
    return 0
