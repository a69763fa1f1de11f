# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What is made of counted instructions and timed rounds."""

from __future__ import annotations

import pytest

from benchmarks import handler
from benchmarks.handler_cases import CASES
from benchmarks.handler_counts import TICKS
from benchmarks.runner import ProgramFailed

COUNTS = {f"{what} {number}": TICKS * 10 for what in ("handler", "drain") for number in range(8)}


def test_counts_are_for_one_tick() -> None:
    found = list(handler.count_figures("3.12", {**COUNTS, "handler 2": TICKS * 2506}))
    assert len(found) == 2 * len(CASES)
    [of_30] = [f for f in found if f.matches("handler", "instructions", depth="30")]
    assert (of_30.value, of_30.low, of_30.of["python"]) == (2506, None, "3.12")
    assert sorted({figure.value for figure in found}) == [10, 2506]


@pytest.mark.parametrize("counts", [{}, {**COUNTS, "drain 7": 0}])
def test_nothing_counted_is_no_figure(counts: dict[str, float]) -> None:
    with pytest.raises(ProgramFailed, match="counted nothing"):
        list(handler.count_figures("3.12", counts))


def test_times_are_medians_of_rounds_then_of_processes() -> None:
    def process(ns: float) -> list[list[float]]:
        return [[getppid, *[ns * getppid] * len(CASES)] for getppid in (100, 200, 5000)]

    found = list(handler.time_figures("3.12", [process(1), process(3), process(2)]))
    assert len(found) == 2 * len(CASES)
    for figure in found:
        if figure.metric == "relative time":
            assert (figure.value, figure.low, figure.high) == (2, 1, 3)
        else:
            assert (figure.value, figure.low, figure.high) == (400, 200, 600)
