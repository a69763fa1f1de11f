# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""pyperformance's richards: objects that call each other, as an operating system's kernel does."""

from __future__ import annotations

from benchmarks.workloads._pyperformance import load

_RICHARDS = load("richards").Richards()


def run() -> int:
    """About two seconds of CPU."""
    _RICHARDS.run(50)
    return 0
