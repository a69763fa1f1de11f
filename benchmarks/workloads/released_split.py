# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""One thread whose time is half Python, half a C function that releases the GIL."""

from __future__ import annotations

import hashlib
from functools import partial

from benchmarks.workloads._truth import noted, spin

_DATA = b"x" * 3_000_000
TRUTH: dict[str, int] = {}
_python = noted(partial(spin, 60), TRUTH, "python")
_hashing = noted(lambda: hashlib.sha256(_DATA).digest(), TRUTH, "hashing")


def run() -> int:
    """About two seconds of CPU."""
    for _ in range(600):
        _python()
        _hashing()
    return 0
