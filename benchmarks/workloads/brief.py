# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A third of a second: shows that a profiler works."""

from __future__ import annotations

import time

SECONDS = 0.3


def run() -> int:
    """So much CPU, whatever is done in it."""
    end = time.thread_time() + SECONDS
    while time.thread_time() < end:
        sum(range(1000))
    return 0
