# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Compares the core's view of a stack with the interpreter's own.

The core knows frames by their layout in memory. Before it is trusted it must
agree with `sys._getframe()` on every frame and line of a stack that holds
what stacks are made of: functions, a generator, a C function that calls back,
a class being called. It also reads a context variable past Python, in a trie whose
nodes are of other kinds in small contexts than in large ones.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextvars import Context, ContextVar
from types import CodeType, FrameType

from pyroscope_native import _core

LINE_FORMAT = (
    "lnotab" if sys.version_info < (3, 10) else "pep626" if sys.version_info < (3, 11) else "pep657"
)


def lines_of(code: CodeType) -> list[int]:
    """The line of each code unit of `code` as the core decodes it."""
    table = code.co_lnotab if LINE_FORMAT == "lnotab" else code.co_linetable
    return _core.decode_lines(LINE_FORMAT, table, code.co_firstlineno, len(code.co_code) // 2)


def _caller_frames() -> list[tuple[CodeType, int]]:
    frames = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        frames.append((frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return frames


def _compare() -> str | None:
    (accepted, walked), expected = _core.walk_self(), _caller_frames()
    if not accepted:
        return "the walk of a stack did not come to its end"
    # The interpreter has frames of its own that sys._getframe() leaves out.
    known = {id(code) for code, _ in expected}
    walked = [(code_id, unit) for code_id, unit in walked if code_id in known]
    if [code_id for code_id, _ in walked] != [id(code) for code, _ in expected[: len(walked)]]:
        return "the walk of a stack found other functions"
    for (_, unit), (code, line) in zip(walked, expected):
        found = lines_of(code)[unit] if unit >= 0 else code.co_firstlineno
        if found != line:
            return f"{code.co_name} is in line {line}, and the walk says {found}"
    return None


class _Comparison:
    def __init__(self) -> None:
        self.result = _compare()


def _generator() -> Iterator[str | None]:
    yield from map(lambda _: _Comparison().result, [None])  # noqa: C417 - a callback from C


_CONTEXT_SIZES = (0, 1, 20, 100)


def _labels_are_read_right(beside: int) -> bool:
    for i in range(beside):
        ContextVar[int](f"scratch {i}").set(i)
    return _core.labels_are_read_right()


def find_mismatch() -> str | None:
    """What the core got wrong about the current stack, or about labels; None if
    nothing."""
    for size in _CONTEXT_SIZES:
        if not Context().run(_labels_are_read_right, size):
            return f"labels beside {size} context variables were not found"
    return next(_generator())
