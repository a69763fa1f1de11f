# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""One thread, whose functions use a half, a third and a sixth of its time."""

from __future__ import annotations

from functools import partial

from benchmarks.workloads._truth import noted, spin

TRUTH: dict[str, int] = {}
_half = noted(partial(spin, 9), TRUTH, "half")
_third = noted(partial(spin, 6), TRUTH, "third")
_sixth = noted(partial(spin, 3), TRUTH, "sixth")


def run() -> int:
    """About two seconds of CPU."""
    for _ in range(4500):
        _half()
        _third()
        _sixth()
    return 0
