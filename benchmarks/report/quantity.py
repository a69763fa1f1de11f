# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Numbers as readers see them."""

from __future__ import annotations

import math

from benchmarks.figures import Figure


def number(value: float) -> str:
    """Three significant digits, four decimals at most, thousands set apart."""
    if not math.isfinite(value):
        return {math.inf: "∞", -math.inf: "−∞"}.get(value, "?")
    magnitude = math.floor(math.log10(abs(value))) if value else 0
    text = f"{abs(value):,.{min(max(2 - magnitude, 0), 4)}f}".replace(",", "\u202f")
    if not text.strip("0."):
        return "0"
    return f"−{text}" if value < 0 else text


def round_number(value: float) -> str:
    """A number that was chosen, not measured: as few digits as it has."""
    return f"{value:.10g}".replace("-", "−")


def unit_after(unit: str) -> str:
    """What follows a number; ratios have no unit."""
    return "" if unit in ("", "ratio") else f"\u00a0{unit}"


def interval(figure: Figure) -> str:
    """The bounds of a figure; empty where it has none, or has no width."""
    if figure.low is None or figure.high is None or figure.low == figure.high:
        return ""
    return f"{number(figure.low)} … {number(figure.high)}"
