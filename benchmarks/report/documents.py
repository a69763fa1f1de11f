# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The documents that tell of a run."""

from __future__ import annotations

from pathlib import Path

from benchmarks.figures import Run
from benchmarks.report import goals, markdown, page
from benchmarks.report.sections import circumstances, compose, headlines

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results.json"
"""The run that the docs are made from."""

_TITLE = "what profiling costs, and how true it is"
_LEAD = (
    "Made from the figures of one run by `make bench-report`; none is written by hand, and none "
    "of the run's is left out.",
)
_ELSEWHERE = (
    "The same with plots: [overhead.html](overhead.html). How it is measured, and how to do it on "
    "your machine: [benchmarks/README.md](../benchmarks/README.md)."
)


def overhead_markdown(run: Run) -> str:
    """docs/overhead.md."""
    return markdown.document(_TITLE.capitalize(), [*_LEAD, _ELSEWHERE], compose(run, goals.read()))


def overhead_page(run: Run) -> str:
    """docs/overhead.html."""
    return page.render(f"pyroscope_native: {_TITLE}", _LEAD, compose(run, goals.read()))


def readme(run: Run, text: str) -> str:
    """README with its table made anew.

    Raises:
        ValueError: README has no place for it
    """
    table = markdown.table(headlines(run, goals.read()))
    return markdown.between_markers(text, f"{table}\n{circumstances(run)}\n")


def documents(run: Run, docs: Path) -> dict[Path, str]:
    """All that tells of a run, by where it belongs: pages in the folder `docs`, and the
    README beside it, if there is one."""
    found = {
        docs / "overhead.md": overhead_markdown(run),
        docs / "overhead.html": overhead_page(run),
    }
    front = docs.resolve().parent / "README.md"
    if front.exists():
        found[front] = readme(run, front.read_text(encoding="utf-8"))
    return found
