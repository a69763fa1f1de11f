# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The report of runs that nobody has made: all is told, also what is missing or missed."""

from __future__ import annotations

import math
import re
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from benchmarks.figures import Figure, Run
from benchmarks.report import markdown
from benchmarks.report.__main__ import main
from benchmarks.report.documents import RESULTS, documents
from benchmarks.report.goals import Goal, Measured, measured
from benchmarks.report.quantity import interval, number
from benchmarks.report.sections import compose, headlines
from benchmarks.report.tables import Cell, Table, pivot
from tests.support.made_up_run import made_up_run

if sys.version_info < (3, 11):
    pytest.importorskip("tomli")

LIMIT = Goal(
    "helpers", "at 100 Hz", unit="%", benchmark="overhead", metric="helpers", of={"rate": "100 Hz"}
)


def run_of(*figures: Figure, **unavailable: str) -> Run:
    return Run({"kernel": "Linux 0.0"}, list(figures), unavailable)


def helpers(value: float, profiler: str = "pyroscope_native", **of: str) -> Figure:
    return Figure("overhead", "helpers", value, "%", {"profiler": profiler, "rate": "100 Hz", **of})


def judge(run: Run, goal: Goal) -> Measured | None:
    """What misses the goal most, of ours."""
    found = measured(run, goal, "pyroscope_native")
    return max(found, key=lambda each: each.excess, default=None)


def cells(run: Run) -> Counter[Cell]:
    """All that stands in the tables of the benchmarks."""
    sections = [each for each in compose(run, []) if each.title not in ("Measured on", "Goals")]
    return Counter(
        cell
        for section in sections
        for table in section.tables
        for row in table.rows
        for cell in row[table.labels :]
    )


def test_every_figure_is_told() -> None:
    run = made_up_run()
    told = cells(run)
    expected = Counter(Cell(number(f.value), interval(f)) for f in run.figures)
    assert not expected - told


def test_a_benchmark_that_nothing_knows_is_told() -> None:
    run = run_of(Figure("novel", "speed", 12.3, "furlongs", {"fortnight": "second"}))
    assert cells(run)[Cell("12.3")] == 1
    text = written(run)["overhead.md"]
    assert "## novel" in text
    assert "furlongs" in text


def test_two_figures_of_the_same_stand_in_one_cell() -> None:
    (table,) = pivot([helpers(1.5), helpers(2.5)])
    assert table.rows == ((Cell("pyroscope_native"), Cell("1.50, 2.50")),)


def test_what_a_whole_table_is_of_is_its_caption() -> None:
    figures = [helpers(1, "none", depth="9"), helpers(2, depth="9")]
    (table,) = pivot(figures)
    assert table.caption == "helpers (%), 100 Hz, depth 9"
    assert table.head == ("profiler", "value")


def test_figures_of_other_things_are_in_other_tables() -> None:
    figures = [helpers(1, depth="1"), helpers(2, depth="2"), helpers(3, python="3.15"), helpers(4)]
    first, second = pivot(figures)
    assert first.head == ("profiler", "depth", "value")
    assert second.head == ("profiler", "python", "value")


def test_a_unit_is_not_said_twice() -> None:
    (table,) = pivot([Figure("handler", "drain instructions", 4659, "instructions")])
    assert table.caption == "drain instructions"


def test_tables_are_split_and_have_gaps() -> None:
    first, second = pivot(
        [helpers(1, "none", workload="a"), helpers(2, workload="b"), helpers(3)._replace(unit="s")],
        "workload",
        ("metric",),
    )
    assert first.head == ("profiler", "a", "b")
    assert [[cell.text for cell in row] for row in first.rows] == [
        ["none", "1.00", "–"],
        ["pyroscope_native", "–", "2.00"],
    ]
    assert second.caption == "helpers (s), 100 Hz"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-0.00001, "0"),
        (0.01234, "0.0123"),
        (-4.567, "−4.57"),
        (99.95, "100.0"),
        (123456.7, "123\u202f457"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (math.nan, "?"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


def test_an_interval_of_no_width_is_none() -> None:
    assert interval(helpers(1)._replace(low=1.0, high=1.0)) == ""
    assert interval(helpers(1)._replace(low=0.5, high=2.0)) == "0.500 … 2.00"


def test_the_worst_decides_on_a_goal() -> None:
    run = run_of(helpers(0.05, workload="a"), helpers(0.2, workload="b"), helpers(9, "py-spy"))
    goal = LIMIT._replace(at_most=0.1)
    found = judge(run, goal)
    assert found is not None
    assert (found.figure.of["workload"], found.reached) == ("b", False)
    easier = judge(run, goal._replace(at_most=0.2))
    assert easier is not None
    assert easier.reached


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_misses_a_goal(value: float) -> None:
    found = judge(run_of(helpers(0.05), helpers(value)), LIMIT._replace(at_most=0.1))
    assert found is not None
    assert not found.reached


@pytest.mark.parametrize(("value", "reached"), [(0.97, False), (0.98, True), (1.021, False)])
def test_a_goal_with_two_ends(value: float, reached: bool) -> None:
    goal = LIMIT._replace(at_least=0.98, at_most=1.02)
    found = judge(run_of(helpers(1.0), helpers(value)), goal)
    assert found is not None
    assert found.reached is reached
    assert reached or found.figure.value == value


def test_a_goal_of_a_sum() -> None:
    goal = LIMIT._replace(plus="program", at_most=1.0)
    run = run_of(helpers(0.5, depth="1"), helpers(0.7, depth="1")._replace(metric="program"))
    found = judge(run, goal)
    assert found is not None
    assert found.figure.metric == "helpers + program"
    assert found.figure.value == pytest.approx(1.2)
    assert judge(run_of(helpers(0.5)), goal) is None


@pytest.mark.parametrize(("value", "reached"), [(1.9, True), (2.1, False)])
def test_a_goal_beside_chance(value: float, reached: bool) -> None:
    goal = LIMIT._replace(at_most=1.0, standard_error="chance")
    run = run_of(helpers(value), helpers(0.5)._replace(metric="chance"))
    found = judge(run, goal)
    assert found is not None
    assert found.reached is reached
    assert judge(run_of(helpers(value)), goal) is None
    assert str(goal) == "≤ 1\u00a0% + 2 standard errors"


def test_a_goal_that_another_sets() -> None:
    goal = LIMIT._replace(at_most_that_of="py-spy")
    run = run_of(helpers(4, "py-spy"), helpers(4.1))
    found = judge(run, goal)
    assert found is not None
    assert not found.reached
    assert judge(run_of(helpers(4.1)), goal) is None


@pytest.mark.parametrize(("value", "reached"), [(-20, True), (3, True), (3.1, False)])
def test_a_goal_within_the_noise(value: float, reached: bool) -> None:
    noise = helpers(1, "none")._replace(low=-3.0, high=2.0)
    found = judge(run_of(noise, helpers(value)), LIMIT._replace(within_noise=True))
    assert found is not None
    assert found.reached is reached


def test_goals_are_told_whether_reached_or_not() -> None:
    goals = [
        LIMIT._replace(text="easy", at_most=1.0),
        LIMIT._replace(text="hard", at_most=0.01),
        LIMIT._replace(text="unknown", metric="nothing", at_most=1.0),
        Goal("elsewhere", "elsewhere", elsewhere="`make soak`"),
    ]
    run = run_of(helpers(0.05), helpers(0.02, "austin"), helpers(7, "py-spy"))
    section = next(each for each in compose(run, goals) if each.title == "Goals")
    assert "1 are reached, 1 are missed, 2 were not measured" in section.text[0]
    (table,) = section.tables
    told = {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}
    assert told["easy"] == ["≤ 1\u00a0%", "0.0500\u00a0%", "–", "yes", "0.0200\u00a0%, austin"]
    assert told["hard"][3] == "no"
    assert told["unknown"] == ["≤ 1\u00a0%", "–", "–", "not measured", "–"]
    assert told["elsewhere"] == ["–", "–", "`make soak`", "not measured", "–"]


def test_headlines_have_the_worst_of_each() -> None:
    goals = [LIMIT._replace(at_most=0.1, headline=True), LIMIT._replace(title="hidden")]
    run = run_of(
        helpers(5, "py-spy"), helpers(0.1), helpers(0.3), Figure("idle", "idle", 1, "s", {})
    )
    table = headlines(run, goals)
    assert table.head == ("profiler", "helpers (%)")
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["pyroscope_native", "0.300"],
        ["py-spy", "5.00"],
        ["goal", "≤ 0.1\u00a0%"],
    ]


def test_what_was_not_measured_is_told_with_the_reason() -> None:
    run = run_of(helpers(1), ddtrace="it does not build")
    section = compose(run, [])[-1]
    told = {row[0].text: row[1].text for row in section.tables[0].rows}
    assert told["ddtrace"] == "it does not build"
    assert "idle" in told
    assert "overhead" not in told


def written(run: Run) -> dict[str, str]:
    return {path.name: text for path, text in documents(run, Path("/nowhere/docs")).items()}


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(run_of(), id="nothing"),
        pytest.param(made_up_run(["pyroscope_native"]), id="ours only"),
        pytest.param(made_up_run(["none", "py-spy"]), id="without ours"),
        pytest.param(
            run_of(*(helpers(value) for value in (math.inf, -math.inf, math.nan, 1e300, -1e-300))),
            id="extremes",
        ),
        pytest.param(run_of(Figure("service", "latency", 1, "ms", {})), id="of nothing"),
    ],
)
def test_any_run_makes_pages(run: Run) -> None:
    pages = written(run)
    assert pages.keys() == {"overhead.md", "overhead.html"}
    assert "nan" not in re.findall(r'(?:x|y|cx|cy|width)="([^"]*)"', pages["overhead.html"])
    for line in pages["overhead.md"].splitlines():
        assert not line.startswith("|") or line.endswith("|")


class Elements(HTMLParser):
    """Names and attributes of a page's elements; fails where they are not closed in turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_nothing_else() -> None:
    page = Elements(written(made_up_run())["overhead.html"])
    names = Counter(name for name, _ in page.found)
    assert names["svg"] > 20
    assert not {"script", "link", "img", "iframe", "object"} & names.keys()
    links = [value for _, each in page.found for name, value in each.items() if name == "href"]
    ids = {each["id"] for _, each in page.found if "id" in each}
    assert {link[1:] for link in links if link} == ids
    assert all(link and link.startswith("#") for link in links)
    pictures = [each for name, each in page.found if name == "svg" and "role" in each]
    assert all(each["role"] == "img" and each["aria-label"] for each in pictures)
    assert not [each for _, each in page.found if "style" in each]  # the policy forbids them


def test_what_is_measured_can_not_break_the_pages() -> None:
    evil = '<script>alert(1)</script>|{{css}}\n`"'
    run = Run({evil: evil}, [helpers(1, evil, workload=evil)], {evil: evil})
    pages = written(run)
    assert "script" not in {name for name, _ in Elements(pages["overhead.html"]).found}
    rows = [line for line in pages["overhead.md"].splitlines() if "alert" in line]
    assert rows
    assert all("\\|" in row and "<script" not in row for row in rows)


def test_markdown_tables() -> None:
    table = Table("", ("a|b", "c"), ((Cell("x"), Cell("1", "0 … 2")),))
    assert markdown.table(table) == "| a\\|b | c |\n| --- | ---: |\n| x | 1<br>0 … 2 |\n"


def test_the_command_writes_beside_a_readme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run.json"
    made_up_run().write(run)
    front = tmp_path / "README.md"
    front.write_text("<!-- overhead:begin -->\n<!-- overhead:end -->\n")
    kept = RESULTS.read_bytes()
    monkeypatch.setattr("sys.argv", ["report", str(run), "--docs", str(tmp_path / "docs")])
    assert main() == 0
    assert "| py-spy |" in front.read_text(encoding="utf-8")
    assert capsys.readouterr().out.splitlines() == [
        str(path) for path in (*sorted((tmp_path / "docs").iterdir(), reverse=True), front)
    ]
    assert RESULTS.read_bytes() == kept


def test_readme_keeps_what_is_around_the_table() -> None:
    text = "before\n<!-- overhead:begin -->\nold\n<!-- overhead:end -->\nafter\n"
    once = markdown.between_markers(text, "new\n")
    assert once == text.replace("old", "new")
    assert markdown.between_markers(once, "new\n") == once
    with pytest.raises(ValueError, match="unpack"):
        markdown.between_markers("no markers", "new")
