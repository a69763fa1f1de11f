# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The goals of `benchmarks/goals.toml`, held against a run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.figures import Figure, Run
from benchmarks.profilers import NONE
from benchmarks.report.quantity import round_number, unit_after

GOALS = Path(__file__).resolve().parent.parent / "goals.toml"
ABSENT = "–"


class Goal(NamedTuple):
    """What all figures ought to be that it selects."""

    title: str
    """A few words."""
    text: str
    unit: str = ""
    benchmark: str = ""
    metric: str = ""
    """Any, if empty."""
    plus: str = ""
    """A metric whose figure of the same things is added."""
    of: Mapping[str, str] = {}
    at_least: float | None = None
    at_most: float | None = None
    at_most_that_of: str = ""
    """No more than the same figure of this profiler."""
    standard_error: str = ""
    """A metric; twice its figure of the same things is allowed beyond."""
    within_noise: bool = False
    """No more than two runs without a profiler differ by."""
    elsewhere: str = ""
    """What tells it, if no benchmark does."""
    headline: bool = False
    """Whether it is in README's table."""

    def __str__(self) -> str:
        if self.elsewhere:
            return ABSENT
        if self.within_noise:
            return "within the noise"
        if self.at_most_that_of:
            return f"≤ {self.at_most_that_of}"
        if self.at_least is not None and self.at_most is not None:
            edges = f"{round_number(self.at_least)} … {round_number(self.at_most)}"
            return edges + unit_after(self.unit)
        chance = " + 2 standard errors" if self.standard_error else ""
        edge, sign = (self.at_most, "≤") if self.at_least is None else (self.at_least, "≥")
        if edge is None:
            return ABSENT
        return f"{sign} {round_number(edge)}{unit_after(self.unit)}{chance}"


class Measured(NamedTuple):
    """What a figure says to a goal."""

    figure: Figure
    excess: float
    """By how much it misses the goal; 0 or less: it does not."""
    distance: float
    """From what would be best: less is better."""

    @property
    def reached(self) -> bool:
        """Whether the goal is."""
        return self.excess <= 0


def read(path: Path = GOALS) -> list[Goal]:
    """The goals, in the file's order.

    Raises:
        TypeError: a goal has a key that there is not
    """
    try:
        from tomllib import loads  # type: ignore[import-not-found,unused-ignore]
    except ImportError:  # before 3.11
        from tomli import loads  # type: ignore[import-not-found,unused-ignore]
    document: dict[str, Any] = loads(path.read_text(encoding="utf-8"))
    return [Goal(**each) for each in document["goal"]]


def measured(run: Run, goal: Goal, profiler: str) -> list[Measured]:
    """What a profiler's figures say to a goal."""
    return list(_measured(run, goal, profiler)) if goal.benchmark else []


def worst(run: Run, goal: Goal, profiler: str) -> Measured | None:
    """That of them which is worst, whatever the goal; none, if nothing was measured."""
    return max(measured(run, goal, profiler), key=lambda each: each.distance, default=None)


def _measured(run: Run, goal: Goal, profiler: str) -> Iterator[Measured]:
    for each in run.select(goal.benchmark, goal.metric, **{**goal.of, "profiler": profiler}):
        figure = _sum(each, _same(run, each, goal.plus, profiler)) if goal.plus else each
        most = goal.at_most
        if goal.at_most_that_of:
            other = _same(run, each, each.metric, goal.at_most_that_of)
            most = None if other is None else other.value
        if goal.standard_error and most is not None:
            other = _same(run, each, goal.standard_error, profiler)
            most = None if other is None else most + 2 * other.value
        if goal.within_noise:
            most = noise(run, each)
        if figure is None or (most is None and goal.at_least is None):
            continue
        # What is no number misses any goal.
        value = math.inf if math.isnan(figure.value) else figure.value
        misses = [] if most is None else [value - most]
        if goal.at_least is not None:
            misses.append(goal.at_least - value)
        yield Measured(figure, max(misses), _distance(goal, value))


def _sum(figure: Figure, other: Figure | None) -> Figure | None:
    """Both in one; nothing is known of its interval."""
    if other is None:
        return None
    metric = f"{figure.metric} + {other.metric}"
    return figure._replace(metric=metric, value=figure.value + other.value, low=None, high=None)


def _distance(goal: Goal, value: float) -> float:
    if goal.at_least is None:
        return value
    return -value if goal.at_most is None else abs(value - (goal.at_least + goal.at_most) / 2)


def _same(run: Run, figure: Figure, metric: str, profiler: str) -> Figure | None:
    """The figure of the same things, but for the metric and the profiler."""
    of = {**figure.of, "profiler": profiler}
    found = run.select(figure.benchmark, metric, profiler=profiler)
    return next((other for other in found if other.of == of), None)


def noise(run: Run, figure: Figure) -> float | None:
    """How far from 0 the same figure is that compares two runs without a profiler: the
    farther end of its interval."""
    other = _same(run, figure, figure.metric, NONE.name)
    if other is None:
        return None
    edges = (other.value, other.low or 0.0, other.high or 0.0)
    return max(abs(edge) for edge in edges)
