# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Plots of figures, side by side in panels."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from benchmarks.figures import Figure, Run
from benchmarks.profilers import NONE, OURS
from benchmarks.report import curves, rows, scale
from benchmarks.report.goals import noise
from benchmarks.report.quantity import interval, number, unit_after
from benchmarks.report.scale import Scale
from benchmarks.report.tables import aspects

_NUMBER = re.compile(r"\d+(?:\.\d+)?")


class Panel(NamedTuple):
    """One drawing."""

    title: str
    svg: str


class Chart(NamedTuple):
    """Drawings of one kind, on the same axes."""

    title: str
    text: str
    """How to read it."""
    panels: tuple[Panel, ...]
    legend: tuple[tuple[int, str], ...] = ()
    """Numbers of series and what they are."""


def in_full(figure: Figure) -> str:
    """A figure in full."""
    bounds = interval(figure)
    between = f" ({bounds})" if bounds else ""
    of = ", ".join(figure.of.values())
    return f"{of}: {figure.metric} {number(figure.value)}{unit_after(figure.unit)}{between}"


def in_rows(
    title: str,
    text: str,
    figures: Iterable[Figure],
    panel: str,
    *,
    run: Run | None = None,
    bars: bool = False,
    fine: float = 0.1,
) -> Chart:
    """A panel for each value of the aspect `panel`, in it a row for each figure.

    With bars the axis is even and each panel has its own; with dots it is `scale.signed`,
    the same for all. With a run the noise that is in it lies behind the dots.
    """
    groups: dict[str, list[Figure]] = {}
    for figure in filter(_drawable, figures):
        groups.setdefault(aspects(figure).get(panel, ""), []).append(figure)
    shared = scale.signed([v for group in groups.values() for v in _reach(group)], fine)
    panels = []
    for name, group in groups.items():
        own = scale.linear(_reach(group)) if bars else shared
        floor = noise(run, group[0]) if run is not None else None
        told = _differing(group, panel)
        drawn = [_row(figure, told) for figure in group]
        says = f"{title}, {name}: " + "; ".join(f"{row.name} {number(row.value)}" for row in drawn)
        panels.append(Panel(name, rows.plot(drawn, own, says, bars=bars, noise=floor or 0.0)))
    return Chart(title, text, tuple(panels))


def _drawable(figure: Figure) -> bool:
    """Whether it has a place on an axis."""
    numbers = (figure.value, figure.low, figure.high)
    return not any(number is not None and math.isnan(number) for number in numbers)


def _differing(figures: Sequence[Figure], panel: str) -> list[str]:
    """The aspects that tell the figures of a panel apart; the profiler if none does."""
    every = [aspects(figure) for figure in figures]
    names = dict.fromkeys(name for of in every for name in of if name != panel)
    return [name for name in names if len({of.get(name) for of in every}) > 1] or ["profiler"]


def _row(figure: Figure, told: Sequence[str]) -> rows.Row:
    of = aspects(figure)
    kind = {OURS.name: "ours", NONE.name: "none"}.get(of.get("profiler", OURS.name), "peer")
    name = ", ".join(of[each] for each in told if each in of)
    return rows.Row(name, figure.value, figure.low, figure.high, kind, in_full(figure))


def _reach(figures: Sequence[Figure]) -> list[float]:
    values = [[figure.value, figure.low, figure.high] for figure in figures]
    return [value for each in values for value in each if value is not None]


def along(
    title: str,
    text: str,
    figures: Iterable[Figure],
    axis: str,
    series: str,
    *,
    across: Callable[[Sequence[float]], Scale],
    up: Callable[[Sequence[float]], Scale],
    band: tuple[float, float] | None = None,
) -> Chart:
    """Lines along the numbers of the aspect `axis`, one for each value of the aspect
    `series`; a panel for each combination of what else there is."""
    found = [(f, _NUMBER.search(f.of.get(axis, ""))) for f in figures if _drawable(f)]
    placed = [(figure, float(match.group())) for figure, match in found if match]
    numbers = _numbers(figure.of.get(series, "") for figure, _ in placed)
    panels: dict[tuple[str, ...], list[tuple[Figure, float]]] = {}
    for figure, x in placed:
        of = aspects(figure)
        key = tuple(value for name, value in of.items() if name not in (axis, series))
        panels.setdefault(key, []).append((figure, x))
    drawn = []
    for key, points in panels.items():
        name = ", ".join(key)
        lines = [
            curves.Line(
                tuple(
                    curves.Point(x, figure.value, in_full(figure))
                    for figure, x in sorted(points, key=lambda point: point[1])
                    if figure.of.get(series, "") == value
                ),
                number,
            )
            for value, number in numbers.items()
        ]
        lines = [line for line in lines if line.points]
        svg = curves.plot(
            lines,
            across([x for _, x in points]),
            up([figure.value for figure, _ in points]),
            f"{title}, {name}: " + "; ".join(in_full(figure) for figure, _ in points),
            names=(axis, points[0][0].unit or points[0][0].metric),
            band=band,
        )
        drawn.append(Panel(name, svg))
    return Chart(title, text, tuple(drawn), tuple((n, value) for value, n in numbers.items()))


def _numbers(values: Iterable[str]) -> dict[str, int]:
    """A number for each, in their order; 0 is kept for ours."""
    found = dict.fromkeys(values)
    others = [value for value in found if value != OURS.name]
    ours = {OURS.name: 0} if OURS.name in found else {}
    return {**ours, **{value: number for number, value in enumerate(others, 1)}}
