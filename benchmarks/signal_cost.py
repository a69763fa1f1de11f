# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What the kernel takes to deliver a signal, on this machine and now."""

from __future__ import annotations

import ctypes
import signal
import threading
import time

COUNT = 2000
REPEATS = 10


def delivery_ns() -> float:
    """Nanoseconds for a signal to this thread and back, with a handler that does nothing:
    the least of a few repeats, less what the system call takes that sends it."""
    libc = ctypes.CDLL(None)
    libc.signal.restype = ctypes.c_void_p
    libc.signal.argtypes = (ctypes.c_int, ctypes.c_void_p)
    harmless = ctypes.cast(libc.abs, ctypes.c_void_p)  # takes an int, touches nothing
    thread = ctypes.c_ulong(threading.get_ident())

    def least_ns(number: int) -> float:
        least = float("inf")
        for _ in range(REPEATS):
            began = time.perf_counter_ns()
            for _ in range(COUNT):
                libc.pthread_kill(thread, number)
            least = min(least, (time.perf_counter_ns() - began) / COUNT)
        return least

    previous = libc.signal(signal.SIGUSR2, harmless)
    try:
        return least_ns(signal.SIGUSR2) - least_ns(0)
    finally:
        libc.signal(signal.SIGUSR2, previous)
