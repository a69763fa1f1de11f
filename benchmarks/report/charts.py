# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Plots of figures, side by side in panels."""

from __future__ import annotations

import math
import re
from collections import Counter
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
    panel: Sequence[str],
    *,
    run: Run | None = None,
    bars: bool = False,
    fine: float = 0.1,
) -> Chart:
    """A panel for each combination of the aspects `panel`, in it a row for each figure.

    With bars the axis is even and each panel has its own; with dots it is `scale.signed`,
    the same for all. With a run the noise that is in it lies behind the dots.
    """
    groups: dict[str, list[Figure]] = {}
    for figure in filter(_drawable, figures):
        groups.setdefault(_named(figure, panel), []).append(figure)
    shared = scale.signed([v for group in groups.values() for v in _reach(group)], fine)
    panels = []
    for name, group in groups.items():
        own = scale.linear(_reach(group)) if bars else shared
        floor = noise(run, group[0]) if run is not None else None
        drawn = [_row(figure, label) for figure, label in zip(group, _labels(group, panel))]
        says = f"{title}, {name}: " + "; ".join(f"{row.name} {number(row.value)}" for row in drawn)
        panels.append(Panel(name, rows.plot(drawn, own, says, bars=bars, noise=floor or 0.0)))
    return Chart(title, text, tuple(panels))


def _named(figure: Figure, names: Iterable[str]) -> str:
    """The values of those of the aspects that a figure has."""
    of = aspects(figure)
    return ", ".join(of[name] for name in names if name in of)


def _drawable(figure: Figure) -> bool:
    """Whether it has a place on an axis."""
    numbers = (figure.value, figure.low, figure.high)
    return not any(number is not None and math.isnan(number) for number in numbers)


def _differing(figures: Sequence[Figure]) -> list[str]:
    """The aspects that are not the same in all."""
    every = [aspects(figure) for figure in figures]
    names = dict.fromkeys(name for of in every for name in of)
    return [name for name in names if len({of.get(name) for of in every}) > 1]


def _labels(figures: Sequence[Figure], panel: Sequence[str]) -> list[str]:
    """What tells each from the others: the profiler, and more if it is there twice."""
    differing = [name for name in _differing(figures) if name not in panel]
    profilers = Counter(figure.of.get("profiler", "") for figure in figures)
    return [
        profiler if profiler and profilers[profiler] == 1 else _named(figure, differing)
        for figure in figures
        for profiler in [figure.of.get("profiler", "")]
    ]


def _row(figure: Figure, name: str) -> rows.Row:
    profiler = figure.of.get("profiler", OURS.name)
    kind = {OURS.name: "ours", NONE.name: "none"}.get(profiler, "peer")
    return rows.Row(name, figure.value, figure.low, figure.high, kind, in_full(figure))


def _reach(figures: Sequence[Figure]) -> list[float]:
    values = [[figure.value, figure.low, figure.high] for figure in figures]
    return [value for each in values for value in each if value is not None]


def along(
    title: str,
    text: str,
    figures: Iterable[Figure],
    axis: str,
    series: Sequence[str],
    *,
    across: Callable[[Sequence[float]], Scale],
    up: Callable[[Sequence[float]], Scale],
    band: tuple[float, float] | None = None,
) -> Chart:
    """Lines along the numbers of the aspect `axis`, one for each combination of the aspects
    `series`; a panel for each combination of what else there is."""
    found = [(f, _NUMBER.search(f.of.get(axis, ""))) for f in figures if _drawable(f)]
    placed = [(figure, float(match.group())) for figure, match in found if match]
    numbers = _numbers(_named(figure, series) for figure, _ in placed)
    differing = _differing([figure for figure, _ in placed])
    others = ["metric", *(name for name in differing if name not in ("metric", axis, *series))]
    panels: dict[str, list[tuple[Figure, float]]] = {}
    for figure, x in placed:
        panels.setdefault(_named(figure, others), []).append((figure, x))
    drawn = []
    for name, points in panels.items():
        lines = [
            curves.Line(
                tuple(
                    curves.Point(x, figure.value, in_full(figure))
                    for figure, x in sorted(points, key=lambda point: point[1])
                    if _named(figure, series) == value
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
