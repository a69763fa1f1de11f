# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Programs that use about a known CPU time, each in a way that has misled profilers.

They may call `burn(seconds)`; see `profiled`. `{seconds}` is the CPU time to use.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import NamedTuple

from tests.support.profiled import kernel_ns, profiled, total

_DEPTH = """
import sys, threading
sys.setrecursionlimit(20000)
threading.stack_size(512 * 1024 * 1024)
def recurse(n):
    if n: return recurse(n - 1)
    burn({seconds})
thread = threading.Thread(target=recurse, args=(DEPTH,)); thread.start(); thread.join()
"""

_THREADS = """
import threading
threads = [threading.Thread(target=burn, args=({seconds} / COUNT,)) for _ in range(COUNT)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""

_SHORT = """
import threading, time
LIFE_S = 0.005
def brief(): burn(LIFE_S)
until_s = time.process_time() + {seconds}
while time.process_time() < until_s:
    threads = [threading.Thread(target=brief) for _ in range(AT_ONCE)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
"""

_LOW_DUTY = """
import threading, time
def now_and_then():
    until_s = time.monotonic() + {seconds}
    while time.monotonic() < until_s:
        burn(0.005); time.sleep(0.045)
threads = [threading.Thread(target=now_and_then) for _ in range(COUNT)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""

_C_CALLS = """
import hashlib, threading, time, zlib
data = bytes(range(256)) * 4000
def work():
    until_s = time.thread_time() + {seconds} / 4
    while time.thread_time() < until_s:
        hashlib.sha256(data).digest(); zlib.compress(data)
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""

_GENERATORS = """
import time
def inner(n):
    for i in range(n): yield i
def outer(n):
    yield from inner(n)
    yield from (x for x in inner(n))
until_s = time.thread_time() + {seconds}
while time.thread_time() < until_s:
    for _ in outer(1000): pass
"""

_COROUTINES = """
import asyncio, time
async def step(n):
    await asyncio.sleep(0)
    return sum(range(n))
async def task():
    until_s = time.thread_time() + {seconds} / 50
    for _ in range(20): await asyncio.gather(*[step(50) for _ in range(5)])
async def main():
    until_s = time.thread_time() + {seconds}
    while time.thread_time() < until_s:
        await asyncio.gather(*[task() for _ in range(50)])
asyncio.run(main())
"""

_CALLBACKS = """
import ctypes, sqlite3, time
def key(value): return -value
@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
def compare(a, b): return a[0] - b[0]
qsort = ctypes.CDLL(None).qsort
database = sqlite3.connect(':memory:')
database.create_function('half', 1, lambda value: value / 2)
until_s = time.thread_time() + {seconds}
while time.thread_time() < until_s:
    sorted(range(500), key=key)
    list(map(key, range(500)))
    numbers = (ctypes.c_int * 100)(*range(100, 0, -1))
    qsort(numbers, 100, ctypes.sizeof(ctypes.c_int), compare)
    database.execute('with recursive n(i) as (select 1 union all select i + 1 from n '
                     'where i < 300) select sum(half(i)) from n').fetchall()
"""

_BARE_THREADS = """
import _thread, time
def brief(done): burn(0.005); done.release()
until_s = time.process_time() + {seconds}
while time.process_time() < until_s:
    done = _thread.allocate_lock(); done.acquire()
    _thread.start_new_thread(brief, (done,))
    done.acquire()
"""

_PROCESS = """
import os, time
until_s = time.process_time() + {seconds}
while time.process_time() < until_s:
    os.stat('/'); os.getpid(); open('/dev/null').close(); sum(range(100))
"""

_PROGRAMS = {
    **{f"depth-{depth}": _DEPTH.replace("DEPTH", str(depth)) for depth in (1, 30, 256, 1000, 5000)},
    **{f"threads-{count}": _THREADS.replace("COUNT", str(count)) for count in (1, 4, 16, 64)},
    "short-threads": _SHORT.replace("AT_ONCE", "1"),
    "short-threads-at-once": _SHORT.replace("AT_ONCE", "8"),
    "short-bare-threads": _BARE_THREADS,
    "low-duty": _LOW_DUTY.replace("COUNT", "1"),
    "low-duty-threads": _LOW_DUTY.replace("COUNT", "8"),
    "c-calls": _C_CALLS,
    "generators": _GENERATORS,
    "coroutines": _COROUTINES,
    "callbacks": _CALLBACKS,
    "system-calls": _PROCESS,
}

NAMES = tuple(_PROGRAMS)


def program(name: str, seconds: float) -> str:
    """The source of the program `name` that uses about `seconds` of CPU time (of
    wall time, where it is mostly idle)."""
    return textwrap.dedent(_PROGRAMS[name]).replace("{seconds}", str(seconds))


class Claim(NamedTuple):
    """What a profile claims."""

    used_ns: int
    """What the kernel counted."""
    claimed_ns: int
    """The weight of all samples."""

    @property
    def ratio(self) -> float:
        """Claimed over used."""
        return self.claimed_ns / self.used_ns

    @property
    def tolerance(self) -> float:
        """How far the ratio may be off 1: 2 %, and what the interpreter does before
        and after the program, with two unfinished periods."""
        return 0.02 + 40e6 / self.used_ns

    @property
    def is_true(self) -> bool:
        """Whether it is near enough."""
        return abs(self.ratio - 1) <= self.tolerance


def claim(name: str, seconds: float, clock: str, directory: Path) -> Claim:
    """Profile the program `name` and see what is claimed."""
    profile = profiled(program(name, seconds), directory, "--clock", clock)
    return Claim(kernel_ns(directory), total(profile))
