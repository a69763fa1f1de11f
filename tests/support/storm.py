# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Sends ticks as fast as a process can take them.

    python storm.py PID

reads lines of "TID COOKIE, TID COOKIE, …" from standard input, and from then
on sends SIGPROF to those threads, each time as that thread's timer would: a
CPU timer ticks at the kernel's pace, some 250 times a second, and faults
that need a tick at one instruction in a million would take days to show.
Ends with its input.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys

_SYS_RT_TGSIGQUEUEINFO = {"x86_64": 297, "aarch64": 240}[os.uname().machine]
_SI_TIMER = -2
_SIGINFO_BYTES = 128


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


def main() -> None:
    """Storm until standard input ends."""
    pid = int(sys.argv[1])
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    targets: list[tuple[int, _Siginfo]] = []
    sent = 0
    while True:
        if not targets or sent % 1000 < len(targets):
            readable = select.select([sys.stdin], [], [], None if not targets else 0)[0]
            if readable:
                line = sys.stdin.readline()
                if not line:
                    break
                targets = []
                for pair in line.strip().split(","):
                    tid, cookie = map(int, pair.split())
                    info = _Siginfo(signo=signal.SIGPROF, code=_SI_TIMER, value=cookie)
                    targets.append((tid, info))
        for tid, info in targets:
            syscall(_SYS_RT_TGSIGQUEUEINFO, pid, tid, int(signal.SIGPROF), ctypes.byref(info))
            sent += 1


if __name__ == "__main__":
    main()
