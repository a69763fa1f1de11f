# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""System calls that wait are not interrupted.

Many a C library takes EINTR for a failure, and most calls that wait with a
timeout return it whatever SA_RESTART says.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.python import ROOT, python

KINDS = (
    "poll", "select", "epoll_wait", "nanosleep", "clock_nanosleep", "recv", "connect",
    "sem_timedwait", "futex",
)  # fmt: skip

PROGRAM = """
import contextlib, ctypes, json, signal, sys, threading
import pyroscope_native
from pyroscope_native import _core
from tests.support.load import Load

library, clock, kinds, calls = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
waits = ctypes.CDLL(library)
waits.wait_often.restype = waits.end.restype = ctypes.c_long
waits.wait_often.argtypes = waits.begin.argtypes = (ctypes.c_int, ctypes.c_long)
waits.thread_of.restype = ctypes.c_ulong

def count(kind):
    in_python[kind] = waits.wait_often(kind, calls)

in_python = {}
session = contextlib.nullcontext()
if clock in ("thread", "process"):
    session = pyroscope_native.profile("p.collapsed", sample_rate=10000, clock=clock)
if clock == "kill":
    signal.signal(signal.SIGPROF, lambda *_: None)
with session:
    with Load(python=1, c=1):
        threads = [threading.Thread(target=count, args=(kind,)) for kind in range(kinds)]
        for thread in threads: thread.start()
        loops = [waits.begin(kind, calls) for kind in range(kinds)]
        while clock == "kill" and any(thread.is_alive() for thread in threads):
            for thread in threads:
                if thread.is_alive(): signal.pthread_kill(thread.ident, signal.SIGPROF)
        for thread in threads: thread.join()
        in_c = {kind: waits.end(loop) for kind, loop in enumerate(loops)}
print(json.dumps([[in_python[kind] for kind in range(kinds)], list(in_c.values()),
                  _core.counters()["samples"]]))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("waits") / "waits.so"
    subprocess.run(
        ["cc", "-O1", "-shared", "-fPIC", "-pthread", "-o", path, ROOT / "tests/c/waits.c"],
        check=True,
    )
    return path


def counted(library: Path, clock: str, calls: int, cwd: Path) -> tuple[list[int], list[int], int]:
    """Interrupted calls by kind in threads of Python's, in others, and the samples taken."""
    words = (str(library), clock, str(len(KINDS)), str(calls))
    done = python("-c", PROGRAM, *words, cwd=cwd)
    assert (done.returncode, done.stderr) == (0, "")
    in_python, in_c, samples = json.loads(done.stdout)
    assert min(in_python + in_c) >= 0, "another error than EINTR"
    return in_python, in_c, samples


def test_a_signal_in_a_wait_is_counted(library: Path, tmp_path: Path) -> None:
    in_python, _, _ = counted(library, "kill", 200, tmp_path)
    by_kind = dict(zip(KINDS, in_python))
    assert all(by_kind[kind] for kind in ("poll", "epoll_wait", "recv")), by_kind


@pytest.mark.skipif(sys.platform != "linux", reason="there is no thread clock")
def test_the_thread_clock_interrupts_no_wait(library: Path, tmp_path: Path) -> None:
    in_python, in_c, samples = counted(library, "thread", 1500, tmp_path)
    assert samples > 100
    assert not any(in_python), dict(zip(KINDS, in_python))
    assert not any(in_c), dict(zip(KINDS, in_c))


def test_the_process_clock_interrupts_few_waits(library: Path, tmp_path: Path) -> None:
    calls = 600
    in_python, in_c, samples = counted(library, "process", calls, tmp_path)
    assert samples > 100
    # The kernel gives a tick to who runs, unless that one blocks it, as threads of ours do.
    assert sum(in_python + in_c) <= 0.002 * calls * len(KINDS) * 2, dict(zip(KINDS, in_python))
