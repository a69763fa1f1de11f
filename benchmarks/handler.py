# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Handler cost by depth, against a getppid system call in the same run.

    python benchmarks/handler.py [--json]

The cost of the handler is that of a tick less that of a tick with an empty
handler; medians of many short, interleaved rounds.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextvars import Context, ContextVar
from typing import Any

from pyroscope_native import _core
from pyroscope_native.labels import tag_wrapper

DEPTHS = (1, 10, 30, 100, 500, 1000)
ROUNDS = 60
TICKS = 100
"""In a round: at 1000 frames they fill most of the ring."""
_VARIABLES = 20
"""Context variables of others."""


def _library() -> Any:
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tick.c")
    target = os.path.join(tempfile.mkdtemp(), "tick.so")
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", target, source], check=True)
    library = ctypes.PyDLL(target)
    for name in ("tick_ns", "empty_tick_ns", "getppid_ns"):
        getattr(library, name).restype = ctypes.c_double
    library.tick_ns.argtypes = (ctypes.c_uint64, ctypes.c_int)
    return library


def _at_depth(depth: int, measure: Callable[[], float]) -> float:
    return measure() if depth <= 1 else _at_depth(depth - 1, measure)


def _in_generator(measure: Callable[[], float]) -> Iterator[float]:
    yield measure()


def _labelled(measure: Callable[[], float]) -> float:
    for number in range(_VARIABLES):
        ContextVar[int](f"variable {number}").set(number)
    with tag_wrapper({"endpoint": "/users/{id}", "method": "GET"}), tag_wrapper({"tenant": "a"}):
        return measure()


def _drain() -> None:
    while _core.drain():
        pass


def measure() -> dict[str, float]:
    """Median nanoseconds by case."""
    library = _library()
    sys.setrecursionlimit(5000)
    _core.start(_core.CLOCK_THREAD, 1_000_000_000)
    cookie = dict(_core.threads())[os.getpid()]
    times: dict[str, list[float]] = {"getppid": []}

    def handler_ns() -> float:
        return float(library.tick_ns(cookie, TICKS) - library.empty_tick_ns(TICKS))

    for _ in range(ROUNDS):
        times["getppid"].append(library.getppid_ns(TICKS * 10))
        for depth in DEPTHS:
            _drain()
            times.setdefault(f"depth {depth}", []).append(
                _at_depth(depth - 3, handler_ns)  # its own frames are three
            )
        _drain()
        times.setdefault("depth 30, generator", []).append(
            _at_depth(26, lambda: next(_in_generator(handler_ns)))
        )
        _drain()
        times.setdefault("depth 30, labelled", []).append(
            _at_depth(25, lambda: Context().run(_labelled, handler_ns))
        )
    _core.stop()
    _drain()
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure()
    if options.json:
        print(json.dumps({"python": sys.version.split()[0], "ns": result}))
        return
    print(f"CPython {sys.version.split()[0]}")
    for name, cost in result.items():
        print(f"  {name:22}{cost:8.0f} ns{cost / result['getppid']:7.2f} × getppid")


if __name__ == "__main__":
    main()
