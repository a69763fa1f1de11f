# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Work that notes what it uses."""

from __future__ import annotations

import random
import time
import types
from collections.abc import Callable, Sequence
from typing import Any


def spin(rounds: int) -> int:
    """Pure Python, about 30 µs a round."""
    total = 0
    for _ in range(rounds * 1000):
        total += 1
    return total


def noted(work: Callable[..., object], truth: dict[str, int], name: str) -> Callable[..., None]:
    """A function called `name` that does the work and adds the CPU time that it used to
    `truth[name]`, but for the microsecond that noting takes. Of several threads each has a
    name of its own."""
    truth[name] = 0

    def noting(*arguments: object) -> None:
        began_ns = time.thread_time_ns()
        work(*arguments)
        truth[name] += time.thread_time_ns() - began_ns

    fields = ("co_name", "co_qualname")  # the second since 3.11
    known: Any = {field: name for field in fields if hasattr(noting.__code__, field)}
    code = noting.__code__.replace(**known)
    return types.FunctionType(code, globals(), name, closure=noting.__closure__)


def in_turns(works: Sequence[Callable[[], None]], rounds: int) -> None:
    """Each so many times, in an order that looks like chance and is the same each time: what
    repeats itself can fall in step with the kernel's ticks."""
    turns = [*works] * rounds
    random.Random(0).shuffle(turns)
    for work in turns:
        work()
