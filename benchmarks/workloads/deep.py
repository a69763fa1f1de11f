# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A loop at the bottom of so many frames, which are called anew all the time."""

from __future__ import annotations

import sys
from functools import partial

from benchmarks.workloads._truth import noted, spin

TRUTH: dict[str, int] = {"_down": 0}
"""All is its caller's, which a stack that is cut off has lost."""


def _down(frames: int) -> int:
    return _down(frames - 1) if frames else spin(10)


def run(depth: int) -> int:
    """About two seconds of CPU; `depth` frames, besides those that call it."""
    sys.setrecursionlimit(depth + 1000)
    descend = noted(partial(_down, depth), TRUTH, "descend")
    for _ in range(6000):
        descend()
    return 0
