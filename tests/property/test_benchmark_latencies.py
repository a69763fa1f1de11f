# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Percentiles of latencies, and when the requests of a constant load are due."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.latencies import PERCENTILES, percentile
from benchmarks.load import constant

latencies = st.lists(st.integers(0, 50), min_size=1).map(sorted)
names = st.sampled_from(PERCENTILES)


@given(latencies, names)
def test_a_percentile_has_so_many_at_or_below_it(ordered: list[int], name: str) -> None:
    share = Fraction(1) if name == "max" else Fraction(name) / 100
    found = percentile(ordered, name)
    assert found in ordered
    assert sum(value <= found for value in ordered) >= share * len(ordered)
    assert sum(value < found for value in ordered) < share * len(ordered)


@given(st.lists(latencies, min_size=1, max_size=5), names)
def test_that_of_all_rounds_is_between_those_of_rounds(rounds: list[list[int]], name: str) -> None:
    together = sorted(value for each in rounds for value in each)
    each = [percentile(ordered, name) for ordered in rounds]
    assert min(each) <= percentile(together, name) <= max(each)


@given(latencies)
def test_a_curve_rises(ordered: list[int]) -> None:
    curve = [percentile(ordered, name) for name in PERCENTILES]
    assert curve == sorted(curve)
    assert curve[-1] == ordered[-1]


@given(st.integers(1, 5000), st.integers(1, 20), st.data())
def test_requests_are_due_whatever_became_of_others(
    rate: int, seconds: int, data: st.DataObject
) -> None:
    due = constant(rate, seconds)
    count = rate * seconds
    number = data.draw(st.integers(0, count - 1))
    late = data.draw(st.integers(0, 10**12))
    when = due(number, late)
    assert when is not None
    assert abs(when - Fraction(number * 10**9, rate)) < 1
    assert when < seconds * 10**9
    assert due(count, late) is None
