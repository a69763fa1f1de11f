# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Sections as one HTML file that needs nothing else: no network, no script."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import sha256
from html import escape
from pathlib import Path

from benchmarks.report.charts import Chart
from benchmarks.report.sections import Section
from benchmarks.report.tables import Cell, Table

_CODE = re.compile(r"`([^`]+)`")
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")


def render(title: str, lead: Sequence[str], sections: Sequence[Section]) -> str:
    """The page, to be stored as UTF-8."""
    css = _source("page.css")
    digest = b64encode(sha256(css.encode()).digest()).decode()
    parts = {
        "policy": f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'",
        "css": css,
        "title": escape(title),
        "lead": "".join(map(_paragraph, lead)),
        "contents": "".join(
            f'<li><a href="#{_anchor(section)}">{escape(section.title)}</a></li>'
            for section in sections
        ),
        "sections": "\n".join("\n".join(_section(section)) for section in sections),
    }
    # One pass, so that no text brings placeholders of its own.
    return _PLACEHOLDER.sub(lambda match: parts[match.group(1)], _source("page.html"))


def _section(section: Section) -> Iterator[str]:
    yield f'<section id="{_anchor(section)}"><h2>{escape(section.title)}</h2>'
    yield from map(_paragraph, section.text)
    for chart in section.charts:
        yield from _chart(chart)
    tables = "\n".join(map(_table, section.tables))
    if section.charts and tables:
        yield f"<details><summary>All figures</summary>\n{tables}\n</details>"
    else:
        yield tables
    yield "</section>"


def _chart(chart: Chart) -> Iterator[str]:
    yield f'<div class="chart"><h3>{escape(chart.title)}</h3>{_paragraph(chart.text)}'
    if chart.legend:
        items = "".join(
            f'<li><svg viewBox="0 0 26 10" aria-hidden="true"><g class="line series-{number}">'
            f'<polyline points="0,5 26,5"/><circle class="dot" cx="13" cy="5" r="3"/></g></svg>'
            f"{escape(name)}</li>"
            for number, name in chart.legend
        )
        yield f'<ul class="legend">{items}</ul>'
    yield '<div class="panels">'
    for panel in chart.panels:
        yield f"<figure><figcaption>{escape(panel.title)}</figcaption>{panel.svg}</figure>"
    yield "</div></div>"


def _table(table: Table) -> str:
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.head)
    rows = "\n".join(
        "<tr>"
        + "".join(
            _cell(cell, 'th scope="row"' if place < table.labels else "td")
            for place, cell in enumerate(row)
        )
        + "</tr>"
        for row in table.rows
    )
    # What scrolls must be in reach of the keyboard.
    name = escape(table.caption or ", ".join(table.head))
    return (
        f'<div class="table" tabindex="0" role="region" aria-label="{name}"><table>{caption}'
        f"<thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table></div>"
    )


def _cell(cell: Cell, tag: str) -> str:
    between = f"<small>{escape(cell.interval)}</small>" if cell.interval else ""
    return f"<{tag}>{_marked(cell.text)}{between}</{tag.split()[0]}>"


def _paragraph(text: str) -> str:
    return f"<p>{_marked(text)}</p>"


def _marked(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(text))


def _anchor(section: Section) -> str:
    return re.sub(r"\W+", "-", section.title.lower()).strip("-")


def _source(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
