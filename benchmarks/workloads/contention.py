# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Four threads that contend for the GIL."""

from __future__ import annotations

from benchmarks.workloads._threads import in_threads


def _work() -> None:
    for _ in range(600):
        sorted(str(number) for number in range(8_000))


def run() -> int:
    """About two seconds of CPU."""
    return in_threads([_work] * 4)
