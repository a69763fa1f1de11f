# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What the report says, in order: text, tables and plots, for whatever writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from benchmarks.figures import Figure, Run
from benchmarks.profilers import NONE, OURS, PROFILERS
from benchmarks.report import charts, scale
from benchmarks.report.charts import Chart
from benchmarks.report.goals import ABSENT, Goal, Measured, measured, noise, worst
from benchmarks.report.quantity import interval, number, unit_after
from benchmarks.report.tables import Cell, Table, cell, pivot


class Section(NamedTuple):
    """One heading with what is under it. `code` stands in backquotes in the text."""

    title: str
    text: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()


class _Layout(NamedTuple):
    """How a benchmark's figures are shown."""

    title: str
    text: str
    across: str = "metric"
    split: tuple[str, ...] = ()
    charts: Callable[[Run], Iterator[Chart]] = lambda run: iter(())


def _overhead(run: Run) -> Iterator[Chart]:
    rates = dict.fromkeys(figure.of.get("rate", "") for figure in run.select("overhead", "tree"))
    for rate in rates:
        yield charts.in_rows(
            f"Helpers, {rate}",
            "CPU time outside the program's own threads, % of the program's.",
            run.select("overhead", "helpers", rate=rate),
            ["workload"],
        )
        yield charts.in_rows(
            f"All processes, {rate}",
            "CPU time above that of a run without a profiler, %; the band is the noise.",
            run.select("overhead", "tree", rate=rate),
            ["workload"],
            run=run,
            fine=1.0,
        )


def _idle(run: Run) -> Iterator[Chart]:
    yield charts.in_rows(
        "Idle", "CPU seconds of an hour in which nothing is done.", run.select("idle"), ["metric"]
    )


def _accuracy(run: Run) -> Iterator[Chart]:
    yield charts.along(
        "Claimed by depth",
        "CPU time that profiles claim, by what was used; the band is the goal.",
        (figure for figure in run.select("accuracy", "claimed") if "depth" in figure.of),
        "depth",
        ["profiler", "python"],
        across=scale.logarithmic,
        up=scale.linear,
        band=(0.98, 1.02),
    )


def _handler(run: Run) -> Iterator[Chart]:
    yield charts.along(
        "The handler by depth",
        "One tick, by the frames of the stack; both axes in powers of ten.",
        (figure for figure in run.select("handler") if "depth" in figure.of),
        "depth",
        ["python"],
        across=scale.logarithmic,
        up=scale.logarithmic,
    )


def _service(run: Run) -> Iterator[Chart]:
    yield charts.along(
        "Latency by percentile",
        "So much of the answers came within this time.",
        run.select("service", "latency"),
        "percentile",
        ["profiler", "python"],
        across=scale.percentiles,
        up=scale.logarithmic,
    )


def _memory(run: Run) -> Iterator[Chart]:
    yield charts.in_rows(
        "Memory",
        "MB of resident memory above that of the same program without a profiler.",
        (figure for figure in run.select("memory") if figure.unit == "MB"),
        ["metric", "way"],
        bars=True,
    )


def _start(run: Run) -> Iterator[Chart]:
    yield charts.in_rows(
        "Start",
        "What a program takes longer.",
        run.select("start"),
        ["metric", "way"],
        bars=True,
    )


LAYOUTS = {
    "overhead": _Layout(
        "Overhead",
        "`program` is CPU time of the program's own threads, `tree` that of all processes, `wall` "
        "time that passes: by how much they are above those of a run without a profiler in the "
        "same round. `helpers` is CPU time outside the program's own threads, `counted` that and "
        "samples × the cost of one; both are counted, with little noise.",
        "workload",
        ("metric", "rate"),
        _overhead,
    ),
    "idle": _Layout(
        "Idle",
        "What a program costs that only sleeps: `added` is what the profiler is of it.",
        charts=_idle,
    ),
    "accuracy": _Layout(
        "Truth",
        "`claimed` is the CPU time that a profile has, by what was used: 1 is right. "
        "`error` is the largest difference of a function's share, in points, of which two "
        "standard errors mean nothing. `wrong` is what bears another request's labels, `missing` "
        "what bears none.",
        "profiler",
        ("metric",),
        _accuracy,
    ),
    "handler": _Layout(
        "The signal handler",
        "What one tick costs by the depth of the stack. Instructions are counted and the same in "
        "each run; times are those of this machine, in `getppid` system calls, too.",
        "depth",
        ("metric",),
        _handler,
    ),
    "service": _Layout(
        "Latency of a service",
        "Servers under a constant load of requests; `excess` is above a server without a "
        "profiler in the same round.",
        "percentile",
        ("metric",),
        _service,
    ),
    "pipeline": _Layout(
        "Behind the handler",
        "What it takes to make a profile of samples and to send it: `cpu` and `wall` are for a "
        "thousand samples. `longest hold` is how long the program's threads have to wait for it.",
    ),
    "memory": _Layout(
        "Memory",
        "Resident memory that profiling adds, and whether it grows while things come and go.",
        charts=_memory,
    ),
    "start": _Layout("Start", "What a program takes longer to begin and to end.", charts=_start),
    "installed": _Layout(
        "Installed",
        "What the wheel takes on disk, and what importing it takes of a bare interpreter, before "
        "anything is profiled: `package` is `import pyroscope_native`, `names` what a program "
        "imports from it that configures and labels. `import` is CPU time.",
    ),
    "labels": _Layout(
        "Labels", "What it takes to enter and leave `tag_wrapper`.", "case", ("metric",)
    ),
}


def compose(run: Run, goals: Sequence[Goal]) -> list[Section]:
    """The whole report: each figure of the run is in one of the benchmarks' tables."""
    run = run._replace(figures=_in_order(run))
    names = dict.fromkeys([*LAYOUTS, *(figure.benchmark for figure in run.figures)])
    present = [name for name in names if any(run.select(name))]
    return [
        _circumstances(run),
        _goals(run, goals),
        *(_benchmark(run, name) for name in present),
        _unmeasured(run, [name for name in names if name not in present]),
    ]


def _in_order(run: Run) -> list[Figure]:
    """The figures, those of the first profilers first."""
    order = {profiler: place for place, profiler in enumerate(profilers(run))}
    return sorted(run.figures, key=lambda figure: order.get(figure.of.get("profiler", ""), 0))


def profilers(run: Run) -> list[str]:
    """Whom the run has figures of, in the order in which they are known."""
    named = {figure.of["profiler"] for figure in run.figures if "profiler" in figure.of}
    return [*(name for name in PROFILERS if name in named), *sorted(named - PROFILERS.keys())]


def headlines(run: Run, goals: Sequence[Goal]) -> Table:
    """The worst of each profiler's figures for each of the goals that are headlines."""
    chosen = [goal for goal in goals if goal.headline]
    rows = [
        (Cell(name), *(_worst(worst(run, goal, name)) for goal in chosen))
        for name in profilers(run)
        if name != NONE.name
    ]
    units = [unit_after(goal.unit).strip() for goal in chosen]
    head = [f"{goal.title} ({unit})" if unit else goal.title for goal, unit in zip(chosen, units)]
    wanted = (Cell("goal"), *(Cell(str(goal)) for goal in chosen))
    return Table("", ("profiler", *head), (*rows, wanted))


def _worst(found: Measured | None) -> Cell:
    return Cell(ABSENT) if found is None else cell([found.figure])


def circumstances(run: Run) -> str:
    """What the run was made on, and its noise, in a few lines of text."""
    facts = ", ".join(f"{name} {value}" for name, value in run.machine.items())
    return f"Measured on: {facts}. {_noise(run)}"


def _circumstances(run: Run) -> Section:
    facts = tuple((Cell(name), Cell(value)) for name, value in run.machine.items())
    return Section(
        "Measured on",
        (_noise(run), _READING),
        tables=(Table("", ("what", "which"), facts, numbers=False),),
    )


_READING = (
    "In the second line of a cell stands the 95 % confidence interval, or the range where rounds "
    "were too few for one. "
    "Absolute figures don't carry over to another machine."
)


def _noise(run: Run) -> str:
    """By how much two runs without a profiler differ."""
    pairs = list(run.select("overhead", "tree", profiler=NONE.name))
    floors = [floor for figure in pairs if (floor := noise(run, figure)) is not None]
    if not floors:
        return "The noise was not measured."
    least, most = (f"{number(floor)}{unit_after('%')}" for floor in (min(floors), max(floors)))
    return (
        "Noise: CPU times of two runs without a profiler, paired as the others are, differ by up "
        f"to {least} in the calmest case and {most} in the most restless. A smaller difference "
        "says nothing."
    )


def _goals(run: Run, goals: Sequence[Goal]) -> Section:
    others = [name for name in profilers(run) if name not in (NONE.name, OURS.name)]
    judged = [(goal, measured(run, goal, OURS.name)) for goal in goals]
    verdicts = [_verdict(found) for _, found in judged]
    rows = tuple(
        (
            Cell(goal.text),
            Cell(str(goal)),
            *_decisive(goal, found),
            Cell(verdict),
            _best(run, goal, others),
        )
        for (goal, found), verdict in zip(judged, verdicts)
    )
    head = ("figure", "goal", "measured", "which", "reached?", "best of the others")
    counts = ", ".join(f"{verdicts.count(name)} {text}" for name, text in _VERDICTS.items())
    return Section(
        "Goals",
        (
            f"Of {len(goals)} goals {counts}. Of all figures that a goal is about the worst "
            "decides, and stands here, of the others' too.",
        ),
        tables=(Table("", head, rows, numbers=False),),
    )


_VERDICTS = {"yes": "are reached", "no": "are missed", "not measured": "were not measured"}


def _verdict(found: Sequence[Measured]) -> str:
    if not found:
        return "not measured"
    return "yes" if all(each.reached for each in found) else "no"


def _decisive(goal: Goal, found: Sequence[Measured]) -> tuple[Cell, Cell]:
    """What misses a goal most, and what it is of."""
    if not found:
        return Cell(ABSENT), Cell(goal.elsewhere or ABSENT)
    figure = max(found, key=lambda each: each.excess).figure
    of = [value for name, value in figure.of.items() if name not in ("profiler", *goal.of)]
    of = of if goal.metric else [figure.metric, *of]
    among = f"worst of {len(found)}" if len(found) > 1 else ""
    return (
        Cell(f"{number(figure.value)}{unit_after(figure.unit)}", interval(figure)),
        Cell("; ".join(filter(None, [", ".join(of), among])) or ABSENT),
    )


def _best(run: Run, goal: Goal, others: Sequence[str]) -> Cell:
    found = [(name, least) for name in others if (least := worst(run, goal, name))]
    if not found:
        return Cell(ABSENT)
    name, least = min(found, key=lambda each: each[1].distance)
    return Cell(f"{number(least.figure.value)}{unit_after(least.figure.unit)}, {name}")


def _benchmark(run: Run, name: str) -> Section:
    layout = LAYOUTS.get(name, _Layout(name, "Its module says what it measures."))
    drawn = tuple(chart for chart in layout.charts(run) if chart.panels)
    tables = tuple(pivot(run.select(name), layout.across, layout.split))
    return Section(layout.title, (layout.text,), drawn, tables)


def _unmeasured(run: Run, benchmarks: Sequence[str]) -> Section:
    rows = (
        *((Cell(what), Cell(why)) for what, why in run.unavailable.items()),
        *((Cell(name), Cell("this benchmark was not part of the run")) for name in benchmarks),
    )
    if not rows:
        return Section("Not measured", ("All was measured.",))
    return Section("Not measured", tables=(Table("", ("what", "why"), rows, numbers=False),))
