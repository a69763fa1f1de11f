# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Sections as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.report.sections import Section
from benchmarks.report.tables import Cell, Table

_BEGIN, _END = "<!-- overhead:begin -->", "<!-- overhead:end -->"


def document(title: str, lead: Sequence[str], sections: Sequence[Section]) -> str:
    """A whole page."""
    return "\n".join(_blocks(title, lead, sections))


def _blocks(title: str, lead: Sequence[str], sections: Sequence[Section]) -> Iterator[str]:
    yield f"# {title}\n"
    for paragraph in lead:
        yield f"{paragraph}\n"
    for section in sections:
        yield f"## {section.title}\n"
        for paragraph in section.text:
            yield f"{paragraph}\n"
        for each in section.tables:
            if each.caption:
                yield f"**{_text(each.caption)}**\n"
            yield table(each)


def table(table: Table) -> str:
    """The rows; the caption is left to who writes it."""
    side = "---:" if table.numbers else "---"
    lines = [
        _line([_text(name) for name in table.head]),
        _line(["---"] * table.labels + [side] * (len(table.head) - table.labels)),
        *(_line([_cell(cell) for cell in row]) for row in table.rows),
    ]
    return "".join(f"{line}\n" for line in lines)


def between_markers(text: str, inside: str) -> str:
    """A text with another between its markers.

    Raises:
        ValueError: a marker is not there
    """
    before, rest = text.split(_BEGIN)
    _, after = rest.split(_END)
    return f"{before}{_BEGIN}\n{inside}{_END}{after}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    return _text(cell.text) + (f"<br>{_text(cell.interval)}" if cell.interval else "")


def _text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
    return " ".join(escaped.split())
