# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A loop of plain Python that times of other Python are held against.

A machine that is twice as slow, or busy, makes both longer: a ratio to it, taken in the
same run, can have a budget where nanoseconds can't.
"""

from __future__ import annotations

import time
from typing import NamedTuple

STEPS = 20_000


class Spent(NamedTuple):
    """What a piece of work took, in nanoseconds."""

    cpu: int
    """Of the thread that did it."""
    wall: int

    @classmethod
    def now(cls) -> Spent:
        """Readings to subtract."""
        return cls(time.thread_time_ns(), time.perf_counter_ns())

    def until(self, later: Spent) -> Spent:
        """From these readings to later ones."""
        return Spent(later.cpu - self.cpu, later.wall - self.wall)


def _step(number: int, known: dict[tuple[int, int], int]) -> int:
    key = (number & 255, number & 7)
    known[key] = known.get(key, 0) + number
    return len(known)


def spent() -> Spent:
    """What a thousand steps take now: each a call, a tuple, and a dictionary's entry."""
    known: dict[tuple[int, int], int] = {}
    began = Spent.now()
    for number in range(STEPS):
        _step(number, known)
    took = began.until(Spent.now())
    return Spent(took.cpu * 1000 // STEPS, took.wall * 1000 // STEPS)
