# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The program in which `handler` times ticks.

    python benchmarks/handler_times.py RESULT

Run by its path, it is the outermost frame. The result is, for each round, nanoseconds of a
getppid system call and of the handler in each of the cases.
"""

from __future__ import annotations

import ctypes
import functools
import json
import sys
from pathlib import Path

from benchmarks.handler_cases import CASES, begin, drain, end
from benchmarks.native import library

ROUNDS = 20
TICKS = 100
"""In a round: at 1000 frames they fill most of the ring."""

if __name__ == "__main__":
    clock = library("tick")
    clock.getppid_ns.restype = clock.handler_ns.restype = ctypes.c_double
    handler_ns = functools.partial(clock.handler_ns, ctypes.c_uint64(begin()), TICKS)
    rounds: list[list[float]] = []
    for _ in range(ROUNDS):
        rounds.append([clock.getppid_ns(TICKS * 10)])
        for case in CASES:
            rounds[-1].append(case.around(handler_ns)())
            drain()
            case.check()
    end(ROUNDS * len(CASES) * TICKS)
    Path(sys.argv[1]).write_text(json.dumps(rounds))
