# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The profiler's own threads: unseen, and gone without a trace."""

from __future__ import annotations

from pathlib import Path

from tests.support.python import python


def test_it_is_no_thread_that_python_knows(tmp_path: Path) -> None:
    program = """
import _thread, os, threading
from pyroscope_native import _core
seen = []
thread = _core.OwnThread(lambda: seen.append((threading.active_count(), _thread._count())))
assert thread.join(5)
assert seen == [(1, 0)], seen
assert len(os.listdir("/proc/self/task")) == 1
assert thread.join(5)
"""
    done = python("-c", program, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_one_that_was_joined_is_not_listed(tmp_path: Path) -> None:
    program = """
import os
from pyroscope_native import _core
for _ in range(1500):
    assert _core.OwnThread(lambda: None).join(5)
    assert len(os.listdir("/proc/self/task")) == 1
"""
    done = python("-c", program, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_it_raises_is_told(tmp_path: Path) -> None:
    program = "from pyroscope_native import _core\n_core.OwnThread(lambda: 1 / 0).join(5)\n"
    done = python("-c", program, cwd=tmp_path)
    assert done.returncode == 0
    assert "ZeroDivisionError" in done.stderr


def test_thread_locals_that_ask_for_the_gil_when_they_die(tmp_path: Path) -> None:
    program = """
import ctypes, threading
from pyroscope_native import _core
class Asking:
    def __del__(self):
        state = ctypes.pythonapi.PyGILState_Ensure()
        ctypes.pythonapi.PyGILState_Release(state)
        print("died")
local = threading.local()
def work():
    local.value = Asking()
assert _core.OwnThread(work).join(5)
"""
    done = python("-c", program, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "died\n", "")


def test_it_gives_way_before_it_is_asked(tmp_path: Path) -> None:
    program = """
import sys, time
from pyroscope_native import _core
from pyroscope_native.turns import in_turns
sys.setswitchinterval(100)  # nobody asks: the GIL is had when it is left
ended, turns = [], 0
def work():
    until_s = time.thread_time() + 0.05
    for _ in in_turns(range(1_000_000)):
        if time.thread_time() > until_s:
            break
    ended.append(True)
thread = _core.OwnThread(work)
while not ended:
    time.sleep(0)
    turns += 1
assert thread.join(5)
assert turns > 20, turns
for _ in in_turns(range(100_000)):
    pass  # in the thread of a program there is nothing to give
"""
    done = python("-c", program, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_warning_loads_no_logging(tmp_path: Path) -> None:
    program = """
import sys
from pyroscope_native import _core
from pyroscope_native.log import warn_once
assert _core.OwnThread(lambda: warn_once("cause", "a warning")).join(5)
assert _core.OwnThread(lambda: warn_once("cause", "the same")).join(5)
assert "logging" not in sys.modules
"""
    done = python("-c", program, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "pyroscope_native: a warning\n")


def test_it_has_no_copies(tmp_path: Path) -> None:
    # Two would join, or leave, the same thread.
    program = """
import copy
from pyroscope_native import _core
thread = _core.OwnThread(lambda: None)
try:
    copy.copy(thread)
except TypeError:
    thread.join(5)
else:
    raise AssertionError("copied")
"""
    done = python("-c", program, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
