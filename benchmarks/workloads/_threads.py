# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Threads that note their CPU time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable


def in_threads(targets: Iterable[Callable[[], None]]) -> int:
    """Run each in a thread of its own; the CPU time of all, in nanoseconds."""
    used: list[int] = []

    def note(target: Callable[[], None]) -> None:
        target()
        used.append(time.thread_time_ns())

    threads = [threading.Thread(target=note, args=(target,)) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(used)
