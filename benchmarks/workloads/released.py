# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Four threads that release the GIL, to hash, most of their time."""

from __future__ import annotations

import hashlib

from benchmarks.workloads._threads import in_threads

_DATA = b"x" * 1_000_000


def _work() -> None:
    for _ in range(900):
        hashlib.sha256(_DATA).digest()


def run() -> int:
    """About two seconds of CPU."""
    return in_threads([_work] * 4)
