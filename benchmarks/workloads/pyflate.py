# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""pyperformance's pyflate: a decompressor, bit by bit."""

from __future__ import annotations

from benchmarks.workloads._pyperformance import directory, load

_PYFLATE = load("pyflate")
_DATA = str(directory("pyflate") / "data" / "interpreter.tar.bz2")


def run() -> int:
    """About two seconds of CPU."""
    _PYFLATE.bench_pyflake(4, _DATA)
    return 0
