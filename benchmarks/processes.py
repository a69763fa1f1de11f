# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""CPU time and memory of a whole tree of processes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator


def _members(session: int) -> Iterator[int]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if os.getsid(int(name)) == session:
                    yield int(name)
            except OSError:
                continue  # it has ended


def session_cpu_ns(session: int) -> int:
    """CPU time of all living processes of a session, in nanoseconds.

    A process's CPU clock has the number ~pid << 3 | 2 on Linux
    (clock_getcpuclockid(3), include/linux/posix-timers.h).
    """
    total = 0
    for pid in _members(session):
        try:
            total += time.clock_gettime_ns(~pid << 3 | 2)
        except OSError:
            continue
    return total


def resident_kb(pid: int) -> int:
    """Resident memory of a process, in kB; 0 if it has ended."""
    try:
        with open(f"/proc/{pid}/status") as status:
            lines = status.readlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def session_resident_kb(session: int, besides: int = 0) -> int:
    """The same of all living processes of a session, but one."""
    return sum(resident_kb(pid) for pid in _members(session) if pid != besides)
