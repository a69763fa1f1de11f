# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Sends ticks as fast as a process can take them.

    python storm.py PID [REST]

reads lines of "TID COOKIE, TID COOKIE, …" from standard input, and from then
on sends SIGPROF to those threads, each time as that thread's timer would: a
CPU timer ticks at the kernel's pace, some 250 times a second, and faults
that need a tick at one instruction in a million would take days to show.
Ends with its input. With REST, seconds, it pauses for so long after each hundred ticks
for each thread: a process that takes them as fast as it can does little else.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time

_SYS_RT_TGSIGQUEUEINFO = {"x86_64": 297, "aarch64": 240}[os.uname().machine]
_SI_TIMER = -2
_SIGINFO_BYTES = 128
BURST = 100


class _Siginfo(ctypes.Structure):
    _fields_ = (
        ("signo", ctypes.c_int),
        ("errno", ctypes.c_int),
        ("code", ctypes.c_int),
        ("_padding", ctypes.c_int),
        ("timer", ctypes.c_int),
        ("overrun", ctypes.c_int),
        ("value", ctypes.c_uint64),
        ("_rest", ctypes.c_char * (_SIGINFO_BYTES - 32)),
    )


def _targets(line: str) -> list[tuple[int, _Siginfo]]:
    pairs = [map(int, pair.split()) for pair in line.split(",")]
    return [
        (tid, _Siginfo(signo=signal.SIGPROF, code=_SI_TIMER, value=cookie)) for tid, cookie in pairs
    ]


def main() -> None:
    """Storm until standard input ends."""
    pid = int(sys.argv[1])
    rest_s = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    targets: list[tuple[int, _Siginfo]] = []
    text = ""
    while True:
        if select.select([0], [], [], 0 if targets else None)[0]:
            read = os.read(0, 1 << 16)
            if not read:
                break
            *lines, text = (text + read.decode()).split("\n")
            if lines:
                targets = _targets(lines[-1])
        for _ in range(BURST):
            for tid, info in targets:
                syscall(_SYS_RT_TGSIGQUEUEINFO, pid, tid, int(signal.SIGPROF), ctypes.byref(info))
        if rest_s:
            time.sleep(rest_s)


if __name__ == "__main__":
    main()
