# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Tables of figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from benchmarks.figures import Figure
from benchmarks.report.quantity import interval, number, unit_after

ABSENT = "–"


class Cell(NamedTuple):
    """What stands in one place of a table."""

    text: str
    interval: str = ""


class Table(NamedTuple):
    """Rows of cells, the first of which say what the row is of."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    labels: int = 1
    """How many cells of a row are labels."""
    numbers: bool = True
    """Whether the others are numbers."""


def aspects(figure: Figure) -> dict[str, str]:
    """What a figure is of, the metric with its unit included."""
    unit = unit_after(figure.unit).strip()
    told = unit and unit not in figure.metric.split()
    return {"metric": f"{figure.metric} ({unit})" if told else figure.metric, **figure.of}


def pivot(
    figures: Iterable[Figure], across: str = "metric", split: Sequence[str] = ()
) -> Iterator[Table]:
    """Tables that have each of the figures once.

    There is a table for each combination of the aspects `split` and for figures that have
    the same aspects (but for the Python, which they may leave out), a column for each value
    of the aspect `across`, and a row for each combination of the others. What is the same
    in a whole table is in its caption, but for the profiler.
    """
    parts: dict[tuple[object, ...], list[Figure]] = {}
    for figure in figures:
        of = aspects(figure)
        values = [of.get(name, "") for name in split]
        parts.setdefault((*values, frozenset(of.keys() - {"python"})), []).append(figure)
    for part in parts.values():
        yield _table(part, across)


def _table(figures: Sequence[Figure], across: str) -> Table:
    every = [aspects(figure) for figure in figures]
    names = list(dict.fromkeys(name for of in every for name in of))
    values = {name: list(dict.fromkeys(of.get(name, "") for of in every)) for name in names}
    same = [name for name in names if len(values[name]) == 1 and name != "profiler"]
    labels = [name for name in names if name not in (*same, across)]
    labels.sort(key=lambda name: name != "profiler")
    columns = values.get(across, [""])

    rows: dict[tuple[str, ...], dict[str, list[Figure]]] = {}
    for figure, of in zip(figures, every):
        row = rows.setdefault(tuple(of.get(name, "") for name in labels), {})
        row.setdefault(of.get(across, ""), []).append(figure)
    return Table(
        ", ".join(_said(name, values[name][0]) for name in same),
        (*labels, *("value" if across in same or not column else column for column in columns)),
        tuple(
            (
                *(Cell(label or ABSENT) for label in key),
                *(cell(row.get(column, [])) for column in columns),
            )
            for key, row in rows.items()
        ),
        len(labels),
    )


def _said(name: str, value: str) -> str:
    """A value that needs its name is told with it."""
    return value if name in ("metric", "rate", "workload") else f"{name} {value}"


def cell(figures: Sequence[Figure]) -> Cell:
    """One figure; should there be several of the same, all."""
    return Cell(
        ", ".join(number(figure.value) for figure in figures) or ABSENT,
        ", ".join(filter(None, map(interval, figures))),
    )
