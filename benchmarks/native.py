# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The benchmarks' own C, compiled when it is wanted, and ticks that it sends."""

from __future__ import annotations

import ctypes
import functools
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from pyroscope_native import _core

_SOURCES = Path(__file__).resolve().parent


@functools.cache
def library(name: str) -> ctypes.PyDLL:
    """NAME.c of this directory; calls into it keep the GIL.

    Raises:
        CalledProcessError: it can't be compiled
        OSError: there is no compiler
    """
    with tempfile.TemporaryDirectory() as directory:
        target = f"{directory}/{name}.so"
        source = str(_SOURCES / f"{name}.c")
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", target, source], check=True)
        return ctypes.PyDLL(target)


def ticks_here() -> Callable[[int], None]:
    """What sends so many ticks to this thread, each as its CPU timer would. The core has
    been started, and knows the thread."""
    send = library("tick").tick_ns
    send.argtypes, send.restype = (ctypes.c_uint64, ctypes.c_int), ctypes.c_double
    cookie = dict(_core.threads())[threading.get_native_id()]

    def tick(count: int) -> None:
        send(cookie, count)

    return tick
