# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A plot of lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.report.scale import Scale
from benchmarks.report.svg import element, label, picture, tip

WIDTH, HEIGHT = 340.0, 250.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 330.0, 20.0, 214.0
"""Of the plot's area."""


class Point(NamedTuple):
    """A place, and what is known of it."""

    x: float
    y: float
    says: str


class Line(NamedTuple):
    """Points of one thing, from left to right."""

    points: tuple[Point, ...]
    series: int
    """The page's number of the thing: its colour."""


def place(point: Point, across: Scale, up: Scale) -> tuple[float, float]:
    """Where a point is, in units of the drawing."""
    return (
        LEFT + across.at(point.x) * (RIGHT - LEFT),
        BOTTOM - up.at(point.y) * (BOTTOM - TOP),
    )


def plot(
    lines: Sequence[Line],
    across: Scale,
    up: Scale,
    says: str,
    *,
    names: tuple[str, str],
    band: tuple[float, float] | None = None,
) -> str:
    """The drawing; `names` are those of the axes, `band` is where values ought to be."""
    parts = []
    if band is not None:
        low, high = (BOTTOM - up.at(edge) * (BOTTOM - TOP) for edge in band)
        parts.append(
            element(
                "rect",
                tip("the goal"),
                class_="goal",
                x=LEFT,
                y=high,
                width=RIGHT - LEFT,
                height=max(low - high, 1.0),
            )
        )
    for value, text in across.ticks:
        x = LEFT + across.at(value) * (RIGHT - LEFT)
        parts.append(element("line", class_="grid", x1=x, y1=TOP, x2=x, y2=BOTTOM))
        parts.append(label(text, x, BOTTOM + 14, class_="tick", text_anchor="middle"))
    for value, text in up.ticks:
        y = BOTTOM - up.at(value) * (BOTTOM - TOP)
        parts.append(element("line", class_="grid", x1=LEFT, y1=y, x2=RIGHT, y2=y))
        parts.append(label(text, LEFT - 6, y + 4, class_="tick", text_anchor="end"))
    parts.append(label(names[0], RIGHT, BOTTOM + 30, class_="axis", text_anchor="end"))
    parts.append(label(names[1], 2, 11, class_="axis"))
    # Ours, which is the first, over the others.
    parts += [_line(line, across, up) for line in sorted(lines, key=lambda line: -line.series)]
    return picture(WIDTH, HEIGHT, says, *parts)


def _line(line: Line, across: Scale, up: Scale) -> str:
    places = [place(point, across, up) for point in line.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = [
        element("circle", tip(point.says), class_="dot", cx=x, cy=y, r=3.0)
        for point, (x, y) in zip(line.points, places)
    ]
    return element(
        "g", element("polyline", points=path), *dots, class_=f"line series-{line.series}"
    )
