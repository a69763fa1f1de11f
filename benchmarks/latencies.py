# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Percentiles of latencies that were recorded one by one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

PERCENTILES = ("50", "75", "90", "95", "99", "99.5", "99.9", "max")
"""Those of a curve."""


def percentile(ordered: Sequence[float], name: str) -> float:
    """The least of ascending values that so many percent of them, 100 for `max`, are not
    above: one that was recorded, none that was interpolated.

    That of several lists together lies between the least and the greatest of theirs.
    """
    share = Fraction(1) if name == "max" else Fraction(name) / 100
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1]
