# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Figures, names and tables in the cells of a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

_BOLD, _DIM, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"

_MIN_WIDTH = 60
_MIN_ROOM = 16  # for names, beside figures of whatever size
_GAP = "  "

_NANOSECONDS = {"nanoseconds": 1, "microseconds": 1e3, "milliseconds": 1e6, "seconds": 1e9}
_TIME_SCALES = ((1e9, " s"), (1e6, " ms"), (1e3, " µs"), (1, " ns"))
_SIZE_SCALES = ((2**30, " GiB"), (2**20, " MiB"), (2**10, " KiB"), (1, " B"))


class Terminal(NamedTuple):
    """What is written to."""

    width: int = 100
    """Cells in a line; taken for 60 where it is less."""
    color: bool = False
    """Whether headings and places are marked with ANSI escapes."""

    def heading(self, text: str) -> str:
        """A line on its own, shortened to fit."""
        return self._styled(_shortened(printable(text), self._width), _BOLD)

    def remark(self, text: str) -> str:
        """A line of less weight than others, shortened to fit."""
        return self._styled(_shortened(printable(text), self._width), _DIM)

    def table(
        self,
        figures: Sequence[Sequence[str]],
        names: Sequence[str],
        places: Sequence[str],
    ) -> list[str]:
        """Lines of figures, a name and a place each, the first of them headings.

        Long names and places lose their middle.
        """
        names, places = [*map(printable, names)], [*map(printable, places)]
        widths = [max(map(len, column)) for column in zip(*figures)]
        room = max(_MIN_ROOM, self._width - sum(widths) - len(_GAP) * (len(widths) + 1))
        name_width, place_width = max(map(_cells, names)), max(map(_cells, places))
        place_width = min(place_width, max(room // 2, room - name_width))
        name_width = min(name_width, room - place_width)

        lines = []
        for row, name, place in zip(figures, names, places):
            columns = [figure.rjust(column) for figure, column in zip(row, widths)]
            columns.append(_filled(_shortened(name, name_width), name_width))
            lines.append((_GAP.join(columns) + _GAP, _shortened(place, place_width)))
        (head, place), *body = lines
        return [
            self._styled(f"{head}{place}".rstrip(), _BOLD),
            *(f"{left}{self._styled(right, _DIM)}".rstrip() for left, right in body),
        ]

    @property
    def _width(self) -> int:
        return max(self.width, _MIN_WIDTH)

    def _styled(self, text: str, style: str) -> str:
        return f"{style}{text}{_PLAIN}" if self.color and text else text


DEFAULT = Terminal()


class Scale(NamedTuple):
    """A unit for all figures of one table, so that they compare by eye."""

    divisor: float
    suffix: str

    @classmethod
    def fit(cls, total: int, unit: str) -> Scale:
        """Return the largest scale in which `total` is at least 1."""
        if unit in _NANOSECONDS:
            scales = [cls(ns / _NANOSECONDS[unit], suffix) for ns, suffix in _TIME_SCALES]
        elif unit == "bytes":
            scales = [cls(size, suffix) for size, suffix in _SIZE_SCALES]
        else:
            scales = [cls(1, "")]
        return next((scale for scale in scales if total >= scale.divisor), scales[-1])

    def show(self, value: int) -> str:
        """`value` with its unit."""
        digits = 0 if self.divisor == 1 else 2
        return f"{value / self.divisor:,.{digits}f}{self.suffix}"


def percent(value: int, total: int) -> str:
    """The share of `value` in `total`."""
    return f"{100 * value / total:.1f}%" if total else "-"


def printable(text: str) -> str:
    """`text` without what a terminal could obey."""
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
