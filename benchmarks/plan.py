# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What to measure, and how thoroughly."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from benchmarks.profilers import Profiler


class Plan(NamedTuple):
    """What each benchmark is told."""

    profilers: tuple[Profiler, ...]
    """Ours, and the peers that are wanted."""
    rounds: int
    """Runs of each case; their median counts."""
    quick: bool
    """Only what the gate looks at."""
    unavailable: Callable[[str, str], None]
    """Notes (what, why) that something can't be measured here; the rest goes on."""
    say: Callable[[str], None]
    """Shows progress."""
