# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The budgets of `benchmarks/budgets.toml`, and what a run says to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.figures import Figure, Run
from benchmarks.profilers import OURS

BUDGETS = Path(__file__).resolve().parent / "budgets.toml"


class Budget(NamedTuple):
    """What figures may be at most, at least, or both."""

    benchmark: str
    metric: str
    unit: str
    reason: str
    """Why this much and no more."""
    of: Mapping[str, str] = {}
    """Of all figures of ours that have these keys."""
    at_most: float | None = None
    at_least: float | None = None
    architecture: str = ""
    """The only one that the limit is for; any, if empty."""

    def __str__(self) -> str:
        of = [f"{name} {value}" for name, value in self.of.items()]
        return ", ".join([f"{self.benchmark}: {self.metric}", *of])

    @property
    def limit(self) -> str:
        """In words."""
        edges = (("at least", self.at_least), ("at most", self.at_most))
        return ", ".join(f"{word} {edge:g}" for word, edge in edges if edge is not None)

    def select(self, run: Run) -> list[Figure]:
        """The figures that it is of."""
        of = {"profiler": OURS.name, **self.of}
        return list(run.select(self.benchmark, self.metric, **of))

    def excess(self, figure: Figure) -> float:
        """How far a figure is beyond the limit for certain, which is with the whole of its
        interval; 0 or less: it is not."""
        low, high = figure.low, figure.high
        beyond = []
        if self.at_most is not None:
            beyond.append((figure.value if low is None else low) - self.at_most)
        if self.at_least is not None:
            beyond.append(self.at_least - (figure.value if high is None else high))
        return max(beyond)


class Verdict(NamedTuple):
    """What a run says to a budget."""

    budget: Budget
    worst: Figure | None
    """Of its figures that which comes closest to the limit, or is farthest beyond."""
    skipped: str = ""
    """Why it can't be judged here."""
    faults: tuple[str, ...] = ()
    """What is wrong; nothing, if it is kept."""


def read(path: Path = BUDGETS) -> list[Budget]:
    """The budgets, in the file's order. An entry's `at_most_by_python` is a table of
    limits, each of which makes a budget of its own.

    Raises:
        TypeError: a budget has a key that there is not, or lacks one
        ValueError: it has no limit, or no reason
    """
    try:
        from tomllib import loads  # type: ignore[import-not-found,unused-ignore]
    except ImportError:  # before 3.11
        from tomli import loads  # type: ignore[import-not-found,unused-ignore]
    document: dict[str, Any] = loads(path.read_text(encoding="utf-8"))
    budgets = [Budget(**each) for entry in document["budget"] for each in _by_python(entry)]
    for budget in budgets:
        if budget.at_most is None and budget.at_least is None:
            raise ValueError(f"no limit: {budget}")
        if not budget.reason.strip():
            raise ValueError(f"no reason: {budget}")
    return budgets


def _by_python(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A budget of each version of CPython, where the entry has limits by version."""
    limits = entry.pop("at_most_by_python", None)
    if limits is None:
        yield entry
        return
    for python, limit in limits.items():
        yield {**entry, "of": {"python": python, **entry["of"]}, "at_most": limit}


def judge(budget: Budget, run: Run) -> Verdict:
    """Hold a run against a budget."""
    skipped = _why_not_here(budget, run)
    if skipped:
        return Verdict(budget, None, skipped)
    figures = budget.select(run)
    worst = max(figures, key=budget.excess, default=None)
    return Verdict(budget, worst, faults=tuple(_faults(budget, figures, run)))


def _why_not_here(budget: Budget, run: Run) -> str:
    here = run.machine["architecture"]
    if budget.architecture not in ("", here):
        return f"the limit is for {budget.architecture}, not for {here}"
    version = run.machine["python"]
    wanted = budget.of.get("python")
    if wanted and not version.startswith(f"{wanted}.") and not budget.select(run):
        return f"measured with CPython {version} only"
    return ""


def _faults(budget: Budget, figures: list[Figure], run: Run) -> Iterator[str]:
    if not figures:
        yield "no figure: it is not measured any more, or could not be"
        for what, why in run.unavailable.items():
            if what.startswith((budget.benchmark, OURS.name)):
                yield f"not measured: {what}: {why}"
    for figure in figures:
        if figure.unit != budget.unit:
            yield f"the figure is in {figure.unit}, the budget in {budget.unit}"
        elif not budget.excess(figure) <= 0:  # what is no number is within no limit
            yield str(figure)
