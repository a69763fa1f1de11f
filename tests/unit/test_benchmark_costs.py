# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What benchmarks of our own parts make of their runs."""

from __future__ import annotations

import colorsys
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from benchmarks import installed, labels, memory, pipeline, start, start_program, ways
from benchmarks.figures import Figure
from benchmarks.installed import Imported
from benchmarks.memory_program import Resident
from benchmarks.profilers import OURS
from benchmarks.start import Seen
from benchmarks.start_program import Started
from benchmarks.windows import Size

SIZE = Size(100, False)


def one(figures: list[Figure], metric: str, **of: str) -> Figure:
    """The figure that there is of this."""
    (found,) = [figure for figure in figures if figure.matches(figure.benchmark, metric, **of)]
    return found


def window(fold: int, reference: int) -> dict[str, Any]:
    """A round: nanoseconds of CPU, and a hundred more of wall."""
    spent = {"reference": reference, "drain": 1000, "fold": fold, "name": 500}
    return {
        "spent": {stage: (ns, ns + 100) for stage, ns in spent.items()},
        "pprof_bytes": 10,
        "sent_bytes": 20,
        "distinct": 1,
    }


def test_stages_are_medians_and_ratios_of_what_is_least() -> None:
    rounds = [window(4000, 300), window(5000, 200), window(9000, 250)]
    figures = list(pipeline.stage_figures(SIZE, rounds))
    assert one(figures, "cpu", stage="fold").value == 5.0
    assert one(figures, "wall", stage="fold").value == 5.1
    assert one(figures, "relative cpu", stage="fold").value == 4000 / 200
    assert one(figures, "relative wall", stage="fold").value == 4100 / 300
    assert one(figures, "sent").value == 20


def test_all_is_the_stages_but_what_is_part_of_another() -> None:
    figures = list(pipeline.stage_figures(SIZE, [window(4000, 200)]))
    assert one(figures, "cpu", stage="all").value == 5.0
    assert one(figures, "cpu", stage="name").value == 0.5
    assert {figure.of["rate"] for figure in figures} == {"100 Hz"}


def test_growth_is_for_a_thousand_and_after_the_warm_up() -> None:
    warm_up = [99_999] * memory.WARM_UP
    windows = [1000 + 2 * window for window in range(20)]
    of_threads = memory.growth(OURS, "threads", warm_up + windows)
    of_windows = memory.growth(OURS, "windows", warm_up + windows)
    assert of_threads.value == pytest.approx(20)  # a hundred in a window
    assert of_windows.value == pytest.approx(2000)


def test_memory_is_what_is_more_than_without() -> None:
    pairs = [(Resident(3072, 512, 4096), Resident(1024, 0, 1024))]
    figures = memory.added(OURS, ways.PUSH, pairs)
    assert {figure.metric: figure.value for figure in figures} == {
        "running": 2,
        "helpers": 0.5,
        "delivered": 3,
    }


def seen(cpu_ms: int, exit_ms: int, reference_ns: int) -> Seen:
    """A run that began, and ended."""
    started = Started(cpu_ms * 1_000_000, 1_000_000, 2_000_000, 1024, 2048, reference_ns, 0)
    return Seen(started, exit_ms * 1_000_000, 2 * exit_ms * 1_000_000)


def test_start_is_what_is_more_than_without() -> None:
    nothing = Started(0, 0, 0, 0, 0, 100_000, 0)
    none = Seen(nothing, 5_000_000, 5_000_000)
    pairs = [
        (seen(8, 15, 300_000), none),
        (seen(4, 25, 200_000), none),
        (seen(6, 20, 200_000), none),
    ]
    figures = list(start.figures(OURS, ways.FILE, pairs, inside=True))
    assert one(figures, "exit").value == 15
    assert one(figures, "program").value == 35
    assert one(figures, "cpu").value == 6
    assert one(figures, "relative cpu").value == 40  # 4 ms by 100 µs
    assert one(figures, "imported").value == 1
    assert one(figures, "started").value == 2


def test_of_an_outside_profiler_only_the_program_is_seen() -> None:
    pairs = [(seen(8, 15, 300_000), seen(0, 5, 300_000))]
    figures = list(start.figures(OURS, ways.FILE, pairs, inside=False))
    assert {figure.metric for figure in figures} == {"exit", "program"}


def test_imports_are_those_of_the_module_itself() -> None:
    user = ModuleType("a_user")
    imports = start_program._Imports("a_user")
    with imports.timed():
        import json.tool  # noqa: F401
    assert imports.ns == 0
    del sys.modules[colorsys.__name__]
    with imports.timed():
        exec("import colorsys", vars(user))
    assert imports.ns > 0
    assert imports.looking_ns > 0
    assert user.colorsys is sys.modules["colorsys"]


def test_labels_are_medians_and_the_least_by_the_least() -> None:
    runs = [
        {"one label": 900.0, "reference": 200.0},
        {"one label": 800.0, "reference": 400.0},
        {"one label": 1000.0, "reference": 300.0},
    ]
    found = {figure.metric: figure.value for figure in labels.figures("x", "on", runs)}
    assert found == {"enter and leave": 900, "relative": 4}


def test_who_does_not_push_is_found_out() -> None:
    with pytest.raises(ways.DoesNotPush), ways.recording(ways.PUSH):
        pass
    with ways.recording(ways.FILE) as recording:
        assert not recording.sink


def test_an_import_costs_what_a_program_without_it_lacks() -> None:
    pairs = [
        (Imported(5_000_000, 3 << 20, 100_000, "x"), Imported(1_000_000, 1 << 20, 50_000, "")),
        (Imported(7_000_000, 4 << 20, 80_000, "x"), Imported(500_000, 1 << 20, 90_000, "")),
        (Imported(9_000_000, 6 << 20, 70_000, "x"), Imported(1_000_000, 1 << 20, 60_000, "")),
    ]
    figures = list(installed.figures("names", pairs))
    assert one(figures, "import", imports="names").value == 6.5
    assert one(figures, "resident", imports="names").value == 3
    assert one(figures, "relative cpu").value == 4_500_000 / 50_000


def test_sizes_are_of_the_wheel_and_of_all_that_is_installed(tmp_path: Path) -> None:
    packed, package = tmp_path / "x.whl", tmp_path / "package"
    packed.write_bytes(b"x" * 500)
    (package / "part").mkdir(parents=True)
    (package / "one.py").write_bytes(b"x" * 1000)
    (package / "part" / "two.py").write_bytes(b"x" * 2000)
    figures = list(installed.sizes(packed, package))
    assert one(figures, "wheel").value == 0.5
    assert one(figures, "on disk").value == 3
