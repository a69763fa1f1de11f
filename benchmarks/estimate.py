# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Medians, and how sure they are."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Estimate(NamedTuple):
    """A median with its 95 % confidence interval."""

    value: float
    low: float
    high: float


def median(values: Sequence[float]) -> Estimate:
    """The median between two order statistics that hold it with 95 % (the sign test's
    interval, which assumes nothing of the distribution); of five values or fewer, which
    can't be so sure, the least and the greatest."""
    ordered = sorted(values)
    count = len(ordered)
    rank, tail = 0, 0.0
    while rank < count // 2:
        tail += math.comb(count, rank) / 2**count
        if tail > 0.025:
            break
        rank += 1
    rank = max(rank - 1, 0)
    return Estimate(statistics.median(ordered), ordered[rank], ordered[count - 1 - rank])


def excess(values: Sequence[float], references: Sequence[float]) -> Estimate:
    """By how many percent values are above the references they are paired with."""
    return median([100 * (value / by - 1) for value, by in zip(values, references)])


def slope(xs: Sequence[float], ys: Sequence[float]) -> Estimate:
    """By how much y grows with x: the median of the slopes of all pairs, which a step here
    and there does not move (Theil and Sen), and Kendall's interval of it."""
    slopes = sorted((ys[j] - ys[i]) / (xs[j] - xs[i]) for j in range(len(xs)) for i in range(j))
    count = len(xs)
    spread = 1.96 * math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    low = max(0, math.floor((len(slopes) - spread) / 2))
    high = min(len(slopes) - 1, math.ceil((len(slopes) + spread) / 2))
    return Estimate(statistics.median(slopes), slopes[low], slopes[high])
