# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The stacks that the pipeline is measured with are what they are said to be."""

from __future__ import annotations

import sys
from types import FrameType

from benchmarks import stacks

SEEN: list[list[str]] = []


def note() -> None:
    """The names of the stack, innermost first, down to who stands in it."""
    frame: FrameType | None = sys._getframe(1)
    names = []
    while frame is not None and frame.f_code is not stacks.stand_in.__code__:
        names.append(frame.f_code.co_name)
        frame = frame.f_back
    SEEN.append(names)


def test_stacks_are_distinct_and_as_deep_as_said() -> None:
    paths = stacks.paths(note)
    SEEN.clear()
    for path in paths:
        stacks.stand_in(path)
    assert len({tuple(names) for names in SEEN}) == stacks.COUNT
    assert {len(names) for names in SEEN} == {*range(stacks.SHALLOWEST, stacks.DEEPEST + 1)}
    for path, names in zip(paths, SEEN):
        assert names == [function.__name__ for function in reversed(path)]


def test_stacks_share_what_is_outside() -> None:
    paths = stacks.paths(note)
    assert len({path[:12] for path in map(tuple, paths)}) == 1
    assert len({path[:-1] for path in map(tuple, paths)}) == stacks.COUNT


def test_stacks_are_the_same_each_time() -> None:
    def names() -> list[list[str]]:
        return [[function.__name__ for function in path] for path in stacks.paths(note)]

    assert names() == names()
