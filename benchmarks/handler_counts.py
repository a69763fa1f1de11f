# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The program in which `handler` has valgrind's callgrind count instructions.

    valgrind --tool=callgrind … python benchmarks/handler_counts.py

Run by its path, it is the outermost frame. Callgrind writes counts down under the names
`handler N` and `drain N`, where N is the case's place in CASES: instructions of TICKS ticks,
and of taking them out of the ring. Each case goes once before, for what is done but once.
"""

from __future__ import annotations

import ctypes
import functools

from benchmarks.handler_cases import CASES, begin, drain, end
from benchmarks.native import library

TICKS = 96
"""At 1000 frames they fill most of the ring. One in eight reads the clock."""

if __name__ == "__main__":
    counted = library("counted")
    ticks = functools.partial(counted.counted_ticks, ctypes.c_uint64(begin()), TICKS)
    for number, case in enumerate(CASES):
        for what in ("before", ""):
            case.around(ticks)()
            counted.write_counts(f"{what}handler {number}".encode())
            drain()
            counted.write_counts(f"{what}drain {number}".encode())
        case.check()
    end(2 * len(CASES) * TICKS)
