# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The docs on overhead are what `python -m benchmarks.report` makes of the run in the repo."""

from __future__ import annotations

import sys

import pytest

from benchmarks.__main__ import BENCHMARKS
from benchmarks.figures import Run
from benchmarks.profilers import PROFILERS
from benchmarks.report import goals
from benchmarks.report.documents import RESULTS, documents
from benchmarks.report.sections import LAYOUTS
from tests.support.python import ROOT

if sys.version_info < (3, 11):
    pytest.importorskip("tomli")

DOCS = ROOT / "docs"
if not DOCS.exists():
    pytest.skip("no docs are beside these tests", allow_module_level=True)


def test_docs_are_made_from_the_run() -> None:
    made = documents(Run.read(RESULTS), DOCS)
    assert {path.name for path in made} == {"overhead.md", "overhead.html", "README.md"}
    stale = [path.name for path, text in made.items() if path.read_text(encoding="utf-8") != text]
    assert not stale, "run `python -m benchmarks.report`"


@pytest.mark.parametrize("goal", goals.read(), ids=lambda goal: goal.title)
def test_goals_can_be_measured(goal: goals.Goal) -> None:
    assert bool(goal.benchmark) != bool(goal.elsewhere)
    if goal.benchmark:
        assert goal.benchmark in LAYOUTS
        assert str(goal) != goals.ABSENT
        assert goal.at_most_that_of in {"", *PROFILERS}


def test_every_benchmark_has_a_heading() -> None:
    assert set(BENCHMARKS) <= LAYOUTS.keys()


def test_goals_have_the_units_of_their_figures() -> None:
    run = Run.read(RESULTS)
    for goal in goals.read():
        units = {figure.unit for figure in run.select(goal.benchmark, goal.metric, **goal.of)}
        assert units <= {goal.unit}, goal.title
