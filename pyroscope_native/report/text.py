# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A table of the heaviest functions, for a terminal."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from typing import NamedTuple

from pyroscope_native.model import Function, Profile

_BOLD, _DIM, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"

_MIN_WIDTH = 60
_MIN_ROOM = 16  # for names, beside figures of whatever size
_GAP = "  "

_NANOSECONDS = {"nanoseconds": 1, "microseconds": 1e3, "milliseconds": 1e6, "seconds": 1e9}
_TIME_SCALES = ((1e9, " s"), (1e6, " ms"), (1e3, " µs"), (1, " ns"))
_SIZE_SCALES = ((2**30, " GiB"), (2**20, " MiB"), (2**10, " KiB"), (1, " B"))

_IMPORT_ROOT = re.compile(r".*/(?:(?:site|dist)-packages|lib(?:64)?/python3\.\d+t?)/")
"""What a path to a module begins with and nobody needs to read."""


def render(profile: Profile, *, limit: int = 15, width: int = 100, color: bool = False) -> str:
    """Return the `limit` functions with the most weight of their own.

    `self` is the weight of samples with the function at the leaf, `total` that
    of samples with it anywhere, counted once however often it recurs. Lines
    have at most `width` cells (at least 60); long names lose their middle.
    `color` marks headings and locations with ANSI escapes.
    """
    scale = _Scale.fit(profile.total, profile.sample_type[1])
    heading = _shortened(_heading(profile, scale), max(width, _MIN_WIDTH))
    rows = _rows(profile)
    if not rows:
        return f"{_styled(heading, _BOLD, color)}\n\nno samples\n"
    lines = _table(rows[:limit], profile.total, scale, max(width, _MIN_WIDTH), color)
    if len(rows) > limit:
        lines.append(_styled(f"and {len(rows) - limit:,} more functions", _DIM, color))
    return "\n".join([_styled(heading, _BOLD, color), "", *lines, ""])


class _Scale(NamedTuple):
    """A unit for all figures of one table, so that they compare by eye."""

    divisor: float
    suffix: str

    @classmethod
    def fit(cls, total: int, unit: str) -> _Scale:
        """Return the largest scale in which `total` is at least 1."""
        if unit in _NANOSECONDS:
            scales = [cls(ns / _NANOSECONDS[unit], suffix) for ns, suffix in _TIME_SCALES]
        elif unit == "bytes":
            scales = [cls(size, suffix) for size, suffix in _SIZE_SCALES]
        else:
            scales = [cls(1, "")]
        return next((scale for scale in scales if total >= scale.divisor), scales[-1])

    def show(self, value: int) -> str:
        digits = 0 if self.divisor == 1 else 2
        return f"{value / self.divisor:,.{digits}f}{self.suffix}"


class _Row(NamedTuple):
    function: Function
    self_value: int
    total_value: int


def _rows(profile: Profile) -> list[_Row]:
    """Return a row per function that was seen, heaviest first."""
    functions = [profile.functions[frame.function] for frame in profile.frames]
    self_values: Counter[Function] = Counter()
    total_values: Counter[Function] = Counter()
    for sample in profile.samples:
        self_values[functions[sample.stack[0]]] += sample.value
        for function in {functions[index] for index in sample.stack}:
            total_values[function] += sample.value
    rows = [
        _Row(function, self_values[function], total) for function, total in total_values.items()
    ]
    return sorted(rows, key=lambda row: (-row.self_value, -row.total_value, row.function))


def _heading(profile: Profile, scale: _Scale) -> str:
    words = [scale.show(profile.total), _printable(profile.sample_type[0])]
    if profile.duration_ns:
        words.append(f"in {profile.duration_ns / 1e9:,.2f} s")
    return " ".join(words)


def _table(rows: list[_Row], total: int, scale: _Scale, width: int, color: bool) -> list[str]:
    figures = [("self", "self%", "total", "total%")]
    for row in rows:
        figures.append(
            (
                scale.show(row.self_value),
                _percent(row.self_value, total),
                scale.show(row.total_value),
                _percent(row.total_value, total),
            )
        )
    names = ["function", *(_printable(row.function.name) for row in rows)]
    places = ["location", *(_printable(_location(row.function)) for row in rows)]

    widths = [max(map(len, column)) for column in zip(*figures)]
    room = max(_MIN_ROOM, width - sum(widths) - len(_GAP) * (len(widths) + 1))
    name_width, place_width = max(map(_cells, names)), max(map(_cells, places))
    place_width = min(place_width, max(room // 2, room - name_width))
    name_width = min(name_width, room - place_width)

    lines = []
    for cells, name, place in zip(figures, names, places):
        columns = [cell.rjust(column) for cell, column in zip(cells, widths)]
        columns.append(_filled(_shortened(name, name_width), name_width))
        lines.append((_GAP.join(columns) + _GAP, _shortened(place, place_width)))
    (head, place), *body = lines
    return [
        _styled(f"{head}{place}", _BOLD, color),
        *(f"{left}{_styled(right, _DIM, color)}".rstrip() for left, right in body),
    ]


def _percent(value: int, total: int) -> str:
    return f"{100 * value / total:.1f}%" if total else "-"


def _location(function: Function) -> str:
    path = _IMPORT_ROOT.sub("", function.filename, count=1)
    try:
        here = os.path.join(os.getcwd(), "")
    except FileNotFoundError:  # the directory was removed under us
        here = ""
    if here and path.startswith(here):
        path = path[len(here) :]
    return f"{path}:{function.start_line}" if function.start_line else path


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def _cells(text: str) -> int:
    """Return how many terminal cells `text` takes."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _shortened(text: str, width: int) -> str:
    """Return `text` in at most `width` cells, with an ellipsis for its middle."""
    if _cells(text) <= width:
        return text
    left, right = text[:width], text[-width:]
    while _cells(left) + 1 + _cells(right) > width:
        if len(left) > len(right):
            left = left[:-1]
        else:
            right = right[1:]
    return f"{left}…{right}"


def _filled(text: str, width: int) -> str:
    return text + " " * (width - _cells(text))


def _styled(text: str, style: str, color: bool) -> str:
    return f"{style}{text}{_PLAIN}" if color and text else text
