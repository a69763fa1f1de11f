# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Four threads that contend for the GIL, one of which has four times the work of another."""

from __future__ import annotations

from functools import partial

from benchmarks.workloads._threads import in_threads
from benchmarks.workloads._truth import noted, spin

TRUTH: dict[str, int] = {}
_targets = [noted(partial(spin, 8000 * share), TRUTH, f"thread_{share}") for share in (1, 2, 3, 4)]


def run() -> int:
    """About two seconds of CPU."""
    return in_threads(_targets)
