# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The program in which `pipeline` sees how long our threads hold the GIL.

    python -m benchmarks.pipeline_holds RATE_HZ LABELLED SINK ROUNDS RESULT

It is profiled as `configure()` does it, but that the ticks are sent. While our threads
drain, fold, encode and push, a thread of the program asks for the GIL every 50 µs. The
result is a `Holds` for each window but the first, which loads what pushing takes.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import pyroscope_native
from benchmarks.native import library
from benchmarks.windows import Filler, Size

_DRAINING_S = 0.02
"""So long the drain has for a thousand samples, which take it a millisecond."""
_PUSHING_S, _PUSHING_LIMIT = 0.1, 300
_SHORTEST_S = 1e-6
"""A switch interval at which whoever runs Python lets go of the GIL when asked."""
_OURS = os.path.dirname(pyroscope_native.__file__)


class Hold(NamedTuple):
    """The longest of a window."""

    ns: float
    where: str
    """What ran in our threads when they had let go of the GIL."""


class Holds(NamedTuple):
    """Of one window."""

    as_it_is: Hold
    """With the interpreter's own switch interval."""
    piece: Hold
    """With one of next to nothing: what is left can't be interrupted."""


def _place(frame: FrameType) -> str:
    """Where the innermost of our functions is."""
    while frame.f_back is not None and _OURS not in frame.f_code.co_filename:
        frame = frame.f_back
    name = os.path.basename(frame.f_code.co_filename)
    return f"{name}:{frame.f_lineno} {frame.f_code.co_name}"


class _Watch:
    """A thread of the program's that wants the GIL all the time."""

    def __init__(self) -> None:
        self._wait = library("gil").wait_for_gil
        self._wait.restype = ctypes.c_double
        self._counts = self._over = False
        self._longest = Hold(0, "")
        self._thread = threading.Thread(target=self._work)

    def _work(self) -> None:
        while not self._over:
            counts = self._counts
            waited_ns = self._wait()
            if counts and self._counts and waited_ns > self._longest.ns:
                self._longest = Hold(waited_ns, self._where())

    def _where(self) -> str:
        program = (threading.main_thread().ident, threading.get_ident())
        frames = sys._current_frames()
        return ", ".join(_place(frames[ident]) for ident in frames if ident not in program)

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Note waits, while this thread does without the GIL."""
        self._counts = True
        yield
        self._counts = False

    def longest(self) -> Hold:
        """The longest wait since this was asked last."""
        longest, self._longest = self._longest, Hold(0, "")
        return longest

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._thread.join()


def _pushed() -> int:
    stats = pyroscope_native.stats()
    return 0 if stats is None else stats.windows_pushed


def _window(filler: Filler, watch: _Watch) -> Hold:
    def drain() -> None:
        with watch.counting():
            time.sleep(_DRAINING_S)

    filler.fill(drain)
    before = _pushed()
    with watch.counting():
        pyroscope_native.flush(0)  # to wait in there would ask for the GIL each millisecond
        for _ in range(_PUSHING_LIMIT):
            time.sleep(_PUSHING_S)
            if _pushed() > before:
                break
        else:
            raise RuntimeError("a window was not pushed")
    return watch.longest()


def measure(size: Size, sink: str, rounds: int) -> list[Holds]:
    """Of so many windows.

    Raises:
        RuntimeError: what has been sampled has not come to the server
    """
    pyroscope_native.configure(
        application_name="benchmark", server_address=sink, upload_interval=3600
    )
    interval_s = sys.getswitchinterval()
    filler = Filler(size)
    holds = []
    with _Watch() as watch:
        _window(filler, watch)
        for _ in range(rounds):
            as_it_is = _window(filler, watch)
            sys.setswitchinterval(_SHORTEST_S)
            piece = _window(filler, watch)
            sys.setswitchinterval(interval_s)
            holds.append(Holds(as_it_is, piece))
    pyroscope_native.shutdown()
    stats = pyroscope_native.stats()
    if stats is None or stats.lost_ns:
        raise RuntimeError(f"samples have been lost: {stats}")
    return holds


def main() -> None:
    """Measure, and write the result."""
    rate, labelled, sink, rounds, result = sys.argv[1:]
    holds = measure(Size(int(rate), bool(int(labelled))), sink, int(rounds))
    Path(result).write_text(json.dumps(holds))


if __name__ == "__main__":
    main()
