# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Growth is found where there is some, and not where there is none."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import estimate

COUNTS = st.integers(4, 40)


@given(COUNTS, st.integers(-50, 50), st.integers(-1000, 1000))
def test_a_line_has_its_slope(count: int, slope: int, start: int) -> None:
    found = estimate.slope(range(count), [start + slope * x for x in range(count)])
    assert found == (slope, slope, slope)


@given(COUNTS, st.integers(1, 1000), st.randoms(use_true_random=False))
def test_the_interval_has_the_slope_in_it(count: int, noise: int, random: Random) -> None:
    found = estimate.slope(range(count), [random.randint(0, noise) for _ in range(count)])
    assert found.low <= found.value <= found.high


@given(st.integers(8, 40), st.integers(1, 10_000), st.data())
def test_one_step_is_no_growth(count: int, height: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(1, count // 8))
    found = estimate.slope(range(count), [height * (x >= at) for x in range(count)])
    assert found.value == found.low == 0


@given(st.integers(20, 60), st.randoms(use_true_random=False))
def test_growth_beside_steps_of_the_allocator_is_found(count: int, random: Random) -> None:
    grown = [3 * x + random.choice((0, 4)) for x in range(count)]
    found = estimate.slope(range(count), grown)
    assert found.low > 0
    assert found.value == pytest.approx(3, rel=0.35)
