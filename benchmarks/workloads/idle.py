# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Thirty-two threads that sleep, and a main thread that waits."""

from __future__ import annotations

import threading
import time

THREADS = 32
BEFORE_S = 12
"""The profiler's first upload is over then."""
SECONDS = 10
"""Has one upload."""


def prepare() -> None:
    """Start the threads."""
    for _ in range(THREADS):
        threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
    time.sleep(BEFORE_S)


def run() -> int:
    """Ten seconds of wall time, and no CPU."""
    time.sleep(SECONDS)
    return 0
