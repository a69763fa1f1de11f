# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""From the core's windows to finished profiles.

A window speaks in numbers of the core; here they become names, lines and
labels, and windows of one run are added up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pyroscope_native import _core, labels
from pyroscope_native.config import LineNumbers
from pyroscope_native.model import Frame, Function, Labels, Profile, Sample
from pyroscope_native.sample_labels import SampleLabels
from pyroscope_native.turns import in_turns

LOST_SAMPLES = Function("[lost samples]", "", 0)
"""Carries weight that was counted but has no stack."""
UNSEEN_THREADS = Function("[unseen threads]", "", 0)
"""Carries CPU time of threads that no tick has seen."""

_CHUNK = 32
"""Samples taken from a window at a time."""


def _samples(window: _core.Window) -> Iterator[tuple[tuple[int, ...], int, int, int]]:
    for start in range(0, window.sample_count, _CHUNK):
        yield from window.samples(start, start + _CHUNK)


class Fold:
    """Windows added up to one profile."""

    def __init__(
        self,
        *,
        sample_labels: SampleLabels,
        qualname: Callable[[Function], str] | None,
        line_no: LineNumbers = "last",
    ) -> None:
        """`qualname` finds a better name for a function, where the interpreter
        does not keep one."""
        self.sample_labels = sample_labels
        self._line_no = line_no
        self._qualname = qualname
        self._functions: dict[Function, int] = {}
        self._frames: dict[Frame, int] = {}
        self._weights: dict[tuple[tuple[int, ...], Labels], int] = {}

    def _function(self, function: Function) -> int:
        return self._functions.setdefault(function, len(self._functions))

    def _frame(self, frame: Frame) -> int:
        return self._frames.setdefault(frame, len(self._frames))

    def add_window(self, window: _core.Window) -> None:
        """Add what the core has cut, without the frames of our own decorators."""
        labels_of = self.sample_labels.of_window(window)
        samples = list(in_turns(_samples(window)))
        functions = [self._named(Function(*each)) for each in in_turns(window.functions())]
        frames: list[int] = []
        hidden: set[int] = set()
        for number, line in in_turns(window.frames()):
            function = functions[number]
            if function.filename == labels.__file__:
                hidden.add(len(frames))
            frame = Frame(self._function(function), self._line(function, line))
            frames.append(self._frame(frame))
        weights = self._weights
        for numbers, weight_ns, thread, label_set in in_turns(samples):
            shown = [number for number in numbers if number not in hidden] if hidden else numbers
            stack = tuple([frames[number] for number in shown or numbers])
            key = stack, labels_of(thread, label_set)
            weights[key] = weights.get(key, 0) + weight_ns

    def _line(self, function: Function, line: int) -> int:
        if self._line_no == "none":
            return 0
        return function.start_line if self._line_no == "first" else line or function.start_line

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

    @property
    def is_empty(self) -> bool:
        return not self._weights

    def profile(self, *, period_ns: int, time_ns: int, duration_ns: int) -> Profile:
        """Everything added so far."""
        return Profile(
            functions=list(self._functions),
            frames=list(self._frames),
            samples=[
                Sample(stack, weight_ns, labels)
                for (stack, labels), weight_ns in in_turns(self._weights.items())
            ],
            period=period_ns,
            time_ns=time_ns,
            duration_ns=duration_ns,
        )
