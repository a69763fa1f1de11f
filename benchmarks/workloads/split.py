# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""One thread, whose functions use a half, a third and a sixth of its time."""

from __future__ import annotations

from functools import partial

from benchmarks.workloads._truth import in_turns, noted, spin

TRUTH: dict[str, int] = {}
_half = noted(partial(spin, 27), TRUTH, "half")
_third = noted(partial(spin, 18), TRUTH, "third")
_sixth = noted(partial(spin, 9), TRUTH, "sixth")


def run() -> int:
    """About two seconds of CPU."""
    in_turns((_half, _third, _sixth), 1500)
    return 0
