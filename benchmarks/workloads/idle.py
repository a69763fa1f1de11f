# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Thirty-two threads that sleep, and a main thread that waits."""

from __future__ import annotations

import threading
import time

THREADS = 32
BUSY_S = 0.1
BEFORE_S = 12
"""The profiler's first upload is over then, since there is something to upload."""
SECONDS = 10
"""Has one upload, if one is made when there is nothing to tell."""


def prepare() -> None:
    """Start the threads, and have samples taken."""
    for _ in range(THREADS):
        threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
    busy_until = time.process_time() + BUSY_S
    while time.process_time() < busy_until:
        pass
    time.sleep(BEFORE_S)


def run() -> int:
    """Ten seconds of wall time, and no CPU."""
    time.sleep(SECONDS)
    return 0
