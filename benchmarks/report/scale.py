# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""From values to places along an axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

from benchmarks.report.quantity import round_number

_LARGEST = 1e30
"""Beyond it nothing is told apart."""


class Scale(NamedTuple):
    """An axis: what it shows, and how it is spread."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    """Values with their labels, all between low and high."""
    spread: Callable[[float], float] = float
    """Rises with the value."""

    def at(self, value: float) -> float:
        """Where a value is, from 0 to 1; what lies outside is at the edge."""
        value = min(max(value, self.low), self.high)
        low, high = self.spread(self.low), self.spread(self.high)
        return min(max((self.spread(value) - low) / (high - low), 0.0), 1.0)


def _finite(values: Iterable[float]) -> list[float]:
    return [min(max(value, -_LARGEST), _LARGEST) for value in values if math.isfinite(value)]


def linear(values: Iterable[float], count: int = 4) -> Scale:
    """Even, from a round number to a round number, with 0."""
    found = [0.0, *_finite(values)]
    low, high = min(found), max(found)
    if high - low < 1e-12:
        high = low + 1
    rough = (high - low) / count
    step = 10 ** math.floor(math.log10(rough))
    step *= next(factor for factor in (1, 2, 5, 10) if factor * step >= rough * 0.999)
    first, last = math.floor(low / step), math.ceil(high / step)
    ticks = tuple((n * step, round_number(n * step)) for n in range(first, last + 1))
    return Scale(first * step, last * step, ticks)


def logarithmic(values: Iterable[float]) -> Scale:
    """Powers of ten; what is not above 0 is at the low end."""
    found = [value for value in _finite(values) if value > 1e-30] or [1.0]
    first = math.floor(math.log10(min(found)))
    last = max(math.ceil(math.log10(max(found))), first + 1)
    return Scale(10.0**first, 10.0**last, _powers(first, last), _log)


def signed(values: Iterable[float], fine: float) -> Scale:
    """Even up to about `fine` on both sides of 0, then in powers of ten: for values that
    differ by orders of magnitude and may be negative."""
    found = [0.0, fine, *_finite(values)]
    low, high = (_power_beyond(edge, fine) for edge in (min(found), max(found)))
    first, last = round(math.log10(fine)), round(math.log10(max(high, -low)))
    sizes = _powers(first, last)
    ticks = (
        *((-value, f"−{label}") for value, label in reversed(sizes)),
        (0.0, "0"),
        *sizes,
    )
    shown = tuple((value, label) for value, label in ticks if low <= value <= high)
    return Scale(low, high, shown, lambda value: math.asinh(2 * value / fine))


def percentiles(values: Iterable[float]) -> Scale:
    """Percentiles, each further nine as wide as the one before; 100 is at the high end."""
    highest = max((value for value in values if value < 100), default=50.0)
    nines = 1
    while 100 - 10 ** (2 - nines) < highest and nines < 6:
        nines += 1
    edges = [0.0, 50.0] + [100 - 10.0 ** (2 - n) for n in range(1, nines + 1)]
    ticks = tuple((edge, f"{edge:.10g}") for edge in edges)
    return Scale(0.0, edges[-1], ticks, lambda value: -math.log10(1 - value / 100))


def _log(value: float) -> float:
    return math.log10(max(value, 1e-30))


def _power_beyond(edge: float, fine: float) -> float:
    """The power of ten that has all to the edge; 0 for an edge that looks like it."""
    if abs(edge) < fine / 20:
        return 0.0
    size = 10.0 ** math.ceil(math.log10(max(abs(edge), fine)) - 1e-9)
    return math.copysign(max(size, abs(edge)), edge)


def _powers(first: int, last: int) -> tuple[tuple[float, str], ...]:
    """At most six powers of ten."""
    step = max(1, math.ceil((last - first) / 5))
    return tuple((10.0**n, _power(n)) for n in range(first, last + 1, step))


def _power(exponent: int) -> str:
    return f"{10.0**exponent:.{max(-exponent, 0)}f}" if -5 < exponent < 6 else f"1e{exponent}"
