# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The stacks at which `handler` sends ticks.

A case is called from a module, which is the first frame, and calls what sends the ticks,
a C function, from its innermost one.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextvars import Context, ContextVar
from typing import NamedTuple, TypeVar

from pyroscope_native import _core
from pyroscope_native.labels import tag_wrapper

_T = TypeVar("_T")

NEVER_NS = 10**14
"""A period that leaves ours as the only ticks."""
_RECURSION_LIMIT = 5000
_VARIABLES = 20
"""Context variables of others."""


def _at_depth(frames: int, send: Callable[[], _T]) -> _T:
    return send() if frames == 1 else _at_depth(frames - 1, send)


def _in_generator(send: Callable[[], _T]) -> Iterator[_T]:
    yield send()


def _labelled(send: Callable[[], _T]) -> _T:
    for number in range(_VARIABLES):
        ContextVar[int](f"variable {number}").set(number)
    with tag_wrapper({"endpoint": "/users/{id}", "method": "GET"}), tag_wrapper({"tenant": "a"}):
        return send()


def _generator_innermost(send: Callable[[], _T]) -> Callable[[], _T]:
    return functools.partial(_at_depth, 28, functools.partial(next, _in_generator(send)))


def _with_labels(send: Callable[[], _T]) -> Callable[[], _T]:
    return functools.partial(_at_depth, 28, functools.partial(Context().run, _labelled, send))


class Case(NamedTuple):
    """A stack."""

    of: dict[str, str]
    """As figures say it."""
    frames: int
    around: Callable[[Callable[[], _T]], Callable[[], _T]]
    """Makes of what sends ticks a call that does so on that stack, once."""

    def check(self) -> None:
        """See that all samples that have been drained since the last check had this stack.

        Raises:
            AssertionError: others were there, or none
        """
        window = _core.cut()
        depths = [len(stack) for stack, *_ in window.samples(0, window.sample_count)]
        assert depths == [self.frames], (self.of, depths)


def _plain(depth: int) -> Case:
    def around(send: Callable[[], _T]) -> Callable[[], _T]:
        return functools.partial(_at_depth, depth - 1, send) if depth > 1 else send

    return Case({"depth": str(depth)}, depth, around)


CASES = (
    *(_plain(depth) for depth in (1, 10, 30, 100, 500, 1000)),
    Case({"case": "30 frames, generator innermost"}, 30, _generator_innermost),
    Case({"case": "30 frames, labelled"}, 30, _with_labels),
)


def begin() -> int:
    """Start the core; what this thread's timer sends along. Its own first tick, which comes
    with the kernel's next, is awaited and thrown away."""
    sys.setrecursionlimit(_RECURSION_LIMIT)
    _core.start(_core.CLOCK_THREAD, NEVER_NS)
    while not _core.counters()["samples"]:
        pass
    drain()
    _core.cut()
    return dict(_core.threads())[os.getpid()]


def drain() -> None:
    """Take all samples out of the ring."""
    while _core.drain():
        pass


def end(ticks: int) -> None:
    """Stop the core, and see that so many ticks have come to it since it began.

    Raises:
        AssertionError: there were more, or fewer
    """
    _core.stop()
    samples = _core.counters()["samples"]
    assert samples == 1 + ticks, samples
