# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""When the rate goes down, and up again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pyroscope_native.budget import Budget, Costs

SECOND_NS = 1_000_000_000


class Clock:
    """A process that uses all of one processor, under a budget of 1 %."""

    def __init__(self, rate_hz: int = 100, ticks_hz: int = 1000) -> None:
        self.budget = Budget(0.01, rate_hz)
        self.ticks_hz = ticks_hz
        self.costs = Costs(0.0, 0, 0, 0)
        self.budget.begin(self.costs)

    def run(self, seconds: float, cost: float, *, busy: float = 1.0) -> int:
        before = self.costs
        used_ns = int(seconds * busy * SECOND_NS)
        rate_hz = min(self.budget.rate_hz, self.ticks_hz)
        self.costs = Costs(
            before.now_s + seconds,
            before.process_ns + used_ns,
            before.own_ns + int(used_ns * cost),
            before.samples + int(seconds * busy * rate_hz),
        )
        return self.budget.judge(self.costs)


def test_it_goes_down_while_over_and_up_when_well_under() -> None:
    clock = Clock()
    assert clock.run(1, 0.009) == 100
    assert clock.run(1, 0.03) == 50
    assert clock.run(1, 0.015) == 25
    assert clock.run(1, 0.0075) == 25
    assert clock.run(1, 0.003) == 25
    assert clock.run(1, 0.002) == 50
    assert clock.run(1, 0.002) == 100
    assert clock.run(1, 0.002) == 100


def test_what_does_not_depend_on_the_rate_does_not_bring_it_down() -> None:
    clock = Clock()
    assert clock.run(1, 0.05) == 50
    assert clock.run(1, 0.045) == 50
    assert clock.run(1, 0.045) == 50


def test_it_is_the_delivered_rate_that_is_halved() -> None:
    assert Clock(10_000, ticks_hz=250).run(1, 0.05) == 125


def test_short_spans_are_put_together() -> None:
    clock = Clock()
    for _ in range(4):
        assert clock.run(0.24, 0.5) == 100
    assert clock.run(0.24, 0.5) == 50


def test_a_process_at_rest_is_let_be() -> None:
    clock = Clock()
    assert clock.run(1, 0.5) == 50
    assert clock.run(100, 0.5, busy=0.02) == 100


@given(
    rate_hz=st.integers(1, 10_000),
    costs=st.lists(st.floats(0, 1), max_size=30),
)
def test_the_rate_stays_between_1_and_what_was_asked_for(rate_hz: int, costs: list[float]) -> None:
    clock = Clock(rate_hz)
    for cost in costs:
        assert 1 <= clock.run(1, cost) <= rate_hz
    for _ in range(20):
        recovered = clock.run(1, 0)
    assert recovered == rate_hz
