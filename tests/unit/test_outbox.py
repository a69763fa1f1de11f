# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What becomes of windows, whatever the server does. The clock is made up."""

from __future__ import annotations

import math
import tempfile
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Union
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyroscope_native.config import Config
from pyroscope_native.deliver import limits, outbox
from pyroscope_native.deliver.outbox import MAX_AGE_NS, STRIKES, Outbox
from pyroscope_native.deliver.push import RETRYABLE_STATUSES, PushError
from pyroscope_native.deliver.request import profile_in
from pyroscope_native.figures import Deliveries
from pyroscope_native.model import Frame, Function, Profile, Sample

BEGAN_NS = 1_700_000_000 * 10**9
CONFIG = Config("shop", server_address="http://localhost")

Fault = Union[int, str]
"""A status, or what becomes of the request besides."""
OK, DOWN, LOST_ANSWER = "ok", "down", "stored, but the answer is lost"


class World:
    """A server, a process that pushes to it, and the time."""

    destination = "0" * 16

    def __init__(self, **settings: Any) -> None:
        self.config = CONFIG._replace(**settings)
        self.s = 0.0
        self.faults: deque[Fault] = deque()
        """Of the next requests; then all is well."""
        self.always: dict[int, Fault] = {}
        """By window."""
        self.requests: list[int] = []
        """By window."""
        self.stored: Counter[int] = Counter()
        self.answers_lost: Counter[int] = Counter()
        self.submissions = 0
        self.begin()

    def begin(self) -> None:
        """A process begins, where another may have been killed."""
        self.submitted: deque[Profile] = deque()
        self.submissions_before = self.submissions
        with patch.object(outbox.Pusher, "configured", lambda _: self):
            self.outbox = Outbox(
                self.config,
                self.submitted,
                now_s=lambda: self.s,
                now_ns=lambda: BEGAN_NS + int(self.s * 1e9),
                share=lambda: 1.0,
            )

    def kill(self) -> None:
        """As the kernel would see to it."""
        self.outbox.abandon()

    # what the outbox knows of a pusher

    def send(self, body: bytes, *, timeout_s: float) -> None:
        number = (profile_in(body).time_ns - BEGAN_NS) // 10**9
        self.requests.append(number)
        fault = self.always.get(number) or (self.faults.popleft() if self.faults else OK)
        if fault in (OK, LOST_ANSWER):
            self.stored[number] += 1
        if fault == LOST_ANSWER:
            self.answers_lost[number] += 1
        if fault != OK:
            status = fault if isinstance(fault, int) else None
            retryable = status is None or status in RETRYABLE_STATUSES
            raise PushError(str(fault), status=status, retryable=retryable)

    def close(self) -> None:
        pass

    # what happens

    def window(self, samples: int = 1) -> int:
        """One ends now; its number."""
        number = int(self.s)
        self.submitted.append(
            Profile(
                [Function("f", "f.py", 1)],
                [Frame(0, n) for n in range(samples)],
                [Sample((n,), 1, ()) for n in range(samples)],
                time_ns=BEGAN_NS + number * 10**9,
                duration_ns=1,
            )
        )
        self.submissions += 1
        self.outbox.work()
        return number

    def after(self, seconds: float) -> None:
        """Let time go by, and the outbox work whenever it wants to."""
        until_s = self.s + seconds
        while self.outbox.due_s <= until_s:
            self.s = max(self.s, self.outbox.due_s)
            self.outbox.work()
        self.s = until_s

    def check_sum(self) -> Deliveries:
        """No window is out of sight."""
        figures = self.outbox.figures()
        closed = figures.closed + self.submissions - self.submissions_before
        assert closed + figures.found == (
            figures.pushed + figures.waiting + figures.spooled + figures.lost
        )
        return figures


@contextmanager
def worlds(spools: bool, **settings: Any) -> Iterator[World]:
    if not spools:
        yield World(**settings)
        return
    with tempfile.TemporaryDirectory() as directory:
        world = World(spool_directory=directory, **settings)
        yield world
        world.kill()


FAULTS: st.SearchStrategy[Fault] = st.sampled_from(
    [OK, DOWN, LOST_ANSWER, 400, 401, 413, 429, 500, 503, 504]
)
STEPS = st.sampled_from(["a window", "a large window", "a while", "long", "a flush", "a kill"])


@given(st.booleans(), st.lists(STEPS, max_size=25), st.lists(FAULTS, max_size=60))
def test_each_window_is_stored_once_or_counted(
    spools: bool, steps: list[str], faults: list[Fault]
) -> None:
    with worlds(spools) as world, patch.object(limits, "MAX_SAMPLES", 3):
        world.faults.extend(faults)
        numbers: dict[int, int] = {}
        refused = 0
        for step in steps:
            world.after(1)
            if step == "a window":
                numbers[world.window()] = 1
            elif step == "a large window":
                numbers[world.window(samples=8)] = 4
            elif step == "a while":
                world.after(3)
            elif step == "long":
                world.after(70)
            elif step == "a flush":
                world.outbox.work(at_once=True)
            elif spools:
                refused += world.check_sum().refused
                world.kill()
                world.begin()
                world.outbox.work()
            world.check_sum()
        world.after(3000)
        figures = world.check_sum()
        assert figures.waiting == figures.spooled == 0
        refused += figures.refused
        assert figures.outdated == figures.crowded_out == figures.damaged == 0
        assert sum(world.stored.values()) - sum(world.answers_lost.values()) <= sum(
            numbers.values()
        )
        missing = sum(max(0, parts - world.stored[number]) for number, parts in numbers.items())
        assert missing <= refused
        for number, parts in numbers.items():
            assert world.stored[number] <= parts + world.answers_lost[number]


@pytest.mark.parametrize("spools", [False, True])
def test_an_outage_of_ten_minutes_costs_nothing(spools: bool) -> None:
    with worlds(spools) as world:
        world.faults.extend([DOWN] * 10_000)
        for _ in range(60):
            world.window()
            world.after(10)
        assert world.stored == {}
        assert len(world.requests) < 60  # a while goes by between two tries
        world.faults.clear()
        world.after(60)
        assert world.stored == Counter(range(0, 600, 10))
        assert world.check_sum() == Deliveries(pushed=60)


def test_the_oldest_comes_first_and_the_newest_tells_whether_it_is_the_server() -> None:
    world = World()
    world.faults.extend([DOWN] * 1000)
    for _ in range(5):
        world.window()
        world.s += 1
    world.requests.clear()
    world.outbox.work(at_once=True)
    assert world.requests == [0, 4]
    world.requests.clear()
    world.faults.clear()
    world.after(60)
    assert world.requests == [0, 1, 2, 3, 4]


def test_tries_become_rarer() -> None:
    world = World()
    world.faults.extend([503] * 1000)
    world.window()
    times = []
    while len(times) < 12:
        times.append(world.outbox.due_s - world.s)
        world.after(times[-1])
    assert times == [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]


@pytest.mark.parametrize("spools", [False, True])
def test_what_no_server_would_take_for_its_age_is_not_sent(spools: bool) -> None:
    with worlds(spools) as world:
        world.faults.extend([DOWN] * 10_000)
        world.window()
        world.after(MAX_AGE_NS / 1e9)
        world.window()
        world.requests.clear()
        world.faults.clear()
        world.after(60)
        assert world.requests == [3300]
        figures = world.check_sum()
        assert (figures.pushed, figures.outdated) == (1, 1)


@pytest.mark.parametrize("fault", [500, DOWN])
def test_a_window_that_always_fails_does_not_hold_up_the_others(fault: Fault) -> None:
    world = World()
    world.always = {0: fault, 20: fault}
    for _ in range(10):
        world.window()
        world.after(10)
        assert world.check_sum().waiting <= 2
    world.after(60)
    good = set(range(0, 100, 10)) - {0, 20}
    assert world.stored == Counter(good)
    # It is tried less and less often, and at last no more, as long as others are taken.
    for _ in range(200):
        world.window()
        world.after(10)
    assert world.requests.count(0) <= STRIKES + 15
    figures = world.check_sum()
    assert (figures.refused, figures.waiting) == (2, 0)


def test_a_window_by_itself_is_not_given_up() -> None:
    """There is no telling whose fault it is."""
    world = World()
    world.faults.extend([500] * 50)
    world.window()
    world.after(3000)
    assert world.stored == Counter([0])


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 415, 422, 501, 301, 308])
def test_what_is_refused_is_not_sent_again(status: int) -> None:
    world = World(spare_output="/none.pb.gz")
    world.always = {0: status}
    world.window()
    world.after(100)
    assert world.requests == [0]
    assert world.check_sum().refused == 1
    assert [each.time_ns for each in world.outbox.untaken] == [BEGAN_NS]


def test_memory_is_bounded_and_the_oldest_goes_first() -> None:
    world = World(queue_bytes=2000)
    world.faults.extend([DOWN] * 100)
    for _ in range(30):
        world.window()
        world.s += 1
    figures = world.check_sum()
    assert 0 < figures.waiting < 30
    world.faults.clear()
    world.after(60)
    assert sorted(world.stored) == list(range(30 - figures.waiting, 30))
    assert world.check_sum().crowded_out == 30 - figures.waiting


def test_the_end_of_the_time_ends_the_pushing() -> None:
    world = World()
    world.faults.extend([DOWN] * 2)
    for _ in range(3):
        world.window()
    world.requests.clear()
    world.outbox.work(at_once=True, until_s=world.s)
    assert world.requests == []


def test_a_spool_that_can_not_be_written_does_not_matter(tmp_path: Path) -> None:
    world = World(spool_directory=str(tmp_path / "spool"))
    world.faults.extend([DOWN] * 100)
    world.window()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    spool = world.outbox._spool
    assert spool is not None
    world.s += 1
    with patch.object(spool, "put", full):
        world.window()
    figures = world.check_sum()
    assert (figures.spooled, figures.waiting) == (1, 1)
    world.faults.clear()
    world.after(60)
    assert world.stored == Counter([0, 1])


def test_without_a_folder_windows_wait_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    world = World(spool_directory=str(tmp_path / "file"))
    world.faults.append(DOWN)
    world.window()
    assert world.check_sum().waiting == 1
    world.after(10)
    assert world.stored == Counter([0])


def test_a_window_that_can_not_be_encoded_is_counted() -> None:
    world = World()
    world.submitted.append(Profile([], [], [Sample((5,), 1, ())]))
    world.submissions += 1
    world.window()
    figures = world.check_sum()
    assert (figures.refused, figures.pushed) == (1, 1)


def test_nothing_is_due_when_nothing_waits() -> None:
    world = World()
    assert world.outbox.due_s == math.inf
    world.window()
    assert world.outbox.due_s == math.inf
