# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""From the core's windows to finished profiles.

A window speaks in numbers of the core; here they become names, lines and
labels, and windows of one run are added up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from pyroscope_native import _core
from pyroscope_native.model import Frame, Function, Labels, Profile, Sample

LOST_SAMPLES = Function("[lost samples]", "", 0)
"""Carries weight that was counted but has no stack."""
UNSEEN_THREADS = Function("[unseen threads]", "", 0)
"""Carries CPU time of threads that no tick has seen."""

_CHUNK = 500
"""Samples taken from a window at a time, so that the GIL is free in between."""


def _thread_names() -> dict[int, str]:
    """Names of the threads that Python knows, by kernel id.

    Not by `threading.enumerate()`, which takes a lock that may be held, or be
    another library's. Where green threads share one of the kernel's, the first
    comer, who owns it, gives the name.
    """
    names: dict[int, str] = {}
    for thread in list(threading._active.values()):  # type: ignore[attr-defined]
        if thread.native_id is not None:
            names.setdefault(thread.native_id, thread.name)
    return names


def _command_name(tid: int) -> str:
    """What the kernel calls a thread that Python does not know."""
    try:
        with open(f"/proc/self/task/{tid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return "unknown"


def _labels_by_thread(window: _core.Window) -> list[Labels]:
    known = _thread_names()
    return [
        (("thread_name", known.get(tid) or name or _command_name(tid)),)
        for tid, name in window.threads()
    ]


def _samples(window: _core.Window) -> Iterator[tuple[tuple[int, ...], int, int, int]]:
    for start in range(0, window.sample_count, _CHUNK):
        yield from window.samples(start, start + _CHUNK)


class Fold:
    """Windows added up to one profile."""

    def __init__(self, *, thread_names: bool, qualname: Callable[[Function], str] | None) -> None:
        """`qualname` finds a better name for a function, where the interpreter
        does not keep one."""
        self._thread_names = thread_names
        self._qualname = qualname
        self._functions: dict[Function, int] = {}
        self._frames: dict[Frame, int] = {}
        self._weights: dict[tuple[tuple[int, ...], Labels], int] = {}

    def _function(self, function: Function) -> int:
        return self._functions.setdefault(function, len(self._functions))

    def _frame(self, frame: Frame) -> int:
        return self._frames.setdefault(frame, len(self._frames))

    def add_window(self, window: _core.Window) -> None:
        """Add what the core has cut."""
        labels = _labels_by_thread(window) if self._thread_names else None
        samples = list(_samples(window))
        functions = [self._named(Function(*function)) for function in window.functions()]
        frames = []
        for number, line in window.frames():
            function = functions[number]
            frames.append(self._frame(Frame(self._function(function), line or function.start_line)))
        weights = self._weights
        for stack, weight_ns, thread, _ in samples:
            key = (tuple([frames[number] for number in stack]), labels[thread] if labels else ())
            weights[key] = weights.get(key, 0) + weight_ns

    def add_marker(self, marker: Function, weight_ns: int) -> None:
        """Add weight that has no stack, unless it is 0."""
        if weight_ns == 0:
            return
        frame = self._frame(Frame(self._function(marker), 0))
        key = ((frame,), ())
        self._weights[key] = self._weights.get(key, 0) + weight_ns

    def _named(self, function: Function) -> Function:
        if self._qualname is None or not function.filename:
            return function
        return function._replace(name=self._qualname(function))

    def profile(self, *, period_ns: int, time_ns: int, duration_ns: int) -> Profile:
        """Everything added so far."""
        return Profile(
            functions=list(self._functions),
            frames=list(self._frames),
            samples=[
                Sample(stack, weight_ns, labels)
                for (stack, labels), weight_ns in self._weights.items()
            ],
            period=period_ns,
            time_ns=time_ns,
            duration_ns=duration_ns,
        )
