# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A plot with a row for each value: a dot with its interval, or a bar from 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.report.quantity import number
from benchmarks.report.scale import Scale
from benchmarks.report.svg import element, label, picture, tip

WIDTH = 340.0
LEFT, RIGHT = 122.0, 284.0
"""Of the plot's area; names are before it, numbers behind."""
TOP, ROW, AXIS = 4.0, 18.0, 20.0


class Row(NamedTuple):
    """One value with its name."""

    name: str
    value: float
    low: float | None
    high: float | None
    kind: str
    """How it is drawn: "ours", "none" or "peer"."""
    says: str
    """All that is known of it."""


def x_of(scale: Scale, value: float) -> float:
    """Where a value is, in units of the drawing."""
    return LEFT + scale.at(value) * (RIGHT - LEFT)


def plot(
    rows: Sequence[Row], scale: Scale, says: str, *, bars: bool = False, noise: float = 0.0
) -> str:
    """The drawing. Values up to `noise` on both sides of 0 lie on a band."""
    bottom = TOP + ROW * len(rows)
    parts = []
    if noise:
        left, right = x_of(scale, -noise), x_of(scale, noise)
        band = element(
            "rect",
            tip(f"noise: up to {number(noise)}"),
            class_="noise",
            x=left,
            y=TOP,
            width=right - left,
            height=bottom - TOP,
        )
        parts.append(band)
    parts += _axis(scale, bottom)
    for index, row in enumerate(rows):
        parts.append(_row(row, scale, TOP + ROW * (index + 0.5), bars))
    return picture(WIDTH, bottom + AXIS, says, *parts)


def _axis(scale: Scale, bottom: float) -> list[str]:
    parts = []
    free = 0.0
    for value, text in scale.ticks:
        x = x_of(scale, value)
        kind = "zero" if value == 0 else "grid"
        parts.append(element("line", class_=kind, x1=x, y1=TOP, x2=x, y2=bottom))
        half = 3.2 * len(text)
        if x - half >= free:
            parts.append(label(text, x, bottom + 14, class_="tick", text_anchor="middle"))
            free = x + half + 4
    return parts


def _row(row: Row, scale: Scale, y: float, bars: bool) -> str:
    x = x_of(scale, row.value)
    parts = [
        tip(row.says),
        # So that the whole row may be pointed at.
        element("rect", class_="hit", x=0.0, y=y - ROW / 2, width=WIDTH, height=ROW),
        label(row.name, LEFT - 8, y + 4, class_="name", text_anchor="end"),
    ]
    if bars:
        zero = x_of(scale, 0)
        left, width = min(zero, x), max(abs(x - zero), 1.0)
        parts.append(element("rect", class_="bar", x=left, y=y - 5, width=width, height=10.0))
    if row.low is not None and row.high is not None:
        x1, x2 = x_of(scale, row.low), x_of(scale, row.high)
        parts.append(element("line", class_="interval", x1=x1, y1=y, x2=x2, y2=y))
    if not bars:
        parts.append(element("circle", class_="dot", cx=x, cy=y, r=4.0))
    parts.append(label(number(row.value), RIGHT + 8, y + 4, class_="number"))
    return element("g", *parts, class_=f"row {row.kind}")
