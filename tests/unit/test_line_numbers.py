# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Which lines a fold gives to frames."""

from __future__ import annotations

from typing import Any, cast

import pytest

from pyroscope_native.config import LineNumbers
from pyroscope_native.fold import Fold
from pyroscope_native.sample_labels import SampleLabels


class Window:
    """f at lines 12, 13 and at one that is not known."""

    sample_count = 3

    def threads(self) -> list[tuple[int, None]]:
        return [(1, None)]

    def functions(self) -> list[tuple[str, str, int]]:
        return [("f", "/f.py", 10)]

    def frames(self) -> list[tuple[int, int]]:
        return [(0, 12), (0, 13), (0, 0)]

    def label_sets(self) -> list[tuple[str, ...]]:
        return [()]

    def samples(self, start: int, stop: int) -> list[tuple[tuple[int, ...], int, int, int]]:
        return [((0,), 1, 0, 0), ((1,), 2, 0, 0), ((2,), 4, 0, 0)][start:stop]


@pytest.mark.parametrize(
    ("line_no", "weights"),
    [("last", {12: 1, 13: 2, 10: 4}), ("first", {10: 7}), ("none", {0: 7})],
)
def test_lines(line_no: LineNumbers, weights: dict[int, int]) -> None:
    fold = Fold(sample_labels=SampleLabels(value_limit=1), qualname=None, line_no=line_no)
    fold.add_window(cast(Any, Window()))
    profile = fold.profile(period_ns=1, time_ns=0, duration_ns=1)
    assert profile.functions == [("f", "/f.py", 10)]
    assert {
        profile.frames[sample.stack[0]].line: sample.value for sample in profile.samples
    } == weights
