# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""One thread whose time is half Python, half a C function that releases the GIL.

The pieces are of irregular lengths: those of a program in step with the kernel's tick, at
which all CPU timers are looked at, are seen too often or not at all.
"""

from __future__ import annotations

import hashlib
import random

from benchmarks.workloads._truth import noted, spin

_DATA = memoryview(b"x" * 6_000_000)
TRUTH: dict[str, int] = {}
_python = noted(spin, TRUTH, "python")
_hashing = noted(lambda size: hashlib.sha256(_DATA[:size]).digest(), TRUTH, "hashing")


def run() -> int:
    """About two seconds of CPU."""
    lengths = random.Random(1)
    for _ in range(600):
        _python(lengths.randrange(100))
        _hashing(lengths.randrange(6_000_000))
    return 0
