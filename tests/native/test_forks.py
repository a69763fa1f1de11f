# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Forks, children and exits beside each other."""

from __future__ import annotations

from pathlib import Path

from tests.support.python import python, run


def test_threads_that_fork_at_once(tmp_path: Path) -> None:
    program = """
import os, threading, time
import pyroscope_native
with pyroscope_native.profile("p.collapsed"):
    end = time.monotonic() + 4
    slow = []
    def fork():
        while time.monotonic() < end:
            began = time.monotonic()
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            if time.monotonic() - began > 2:
                slow.append(pid)
            os.waitpid(pid, 0)
    threads = [threading.Thread(target=fork) for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    time.sleep(0.2)
    assert not slow
    assert len(os.listdir("/proc/self/task")) == 2
"""
    done = python("-W", "ignore", "-c", program, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_child_dies_of_sigterm_at_once(tmp_path: Path) -> None:
    program = """
import multiprocessing, time
process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
process.start()
time.sleep(0.1)
began = time.monotonic()
process.terminate()
process.join()
print(process.exitcode, time.monotonic() - began < 5)
"""
    done = run("--quiet", "-c", program, cwd=tmp_path)
    assert done.stdout == "-15 True\n"


def test_one_clock_after_the_other(tmp_path: Path) -> None:
    program = """
import threading, time
import pyroscope_native
from pyroscope_native import _core
stop = False
def work():
    while not stop: sum(range(1000))
thread = threading.Thread(target=work, daemon=True); thread.start()
for clock in ("process", "thread", "process", "thread"):
    with pyroscope_native.profile("p.collapsed", clock=clock):
        before = _core.counters()["seen_ns"]
        began = time.process_time_ns()
        used = 0
        while used < 0.5e9 or abs(seen - used) > 40e6:
            time.sleep(0.01)
            used = time.process_time_ns() - began
            seen = _core.counters()["seen_ns"] - before
            assert used < 20e9, (clock, seen, used)  # a tick may be late, not lost
stop = True
"""
    done = python("-c", program, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_many_threads_that_come_and_go(tmp_path: Path) -> None:
    program = """
import threading, time
import pyroscope_native
from pyroscope_native import _core
idle = threading.Event()
sleepers = [threading.Thread(target=idle.wait, daemon=True) for _ in range(300)]
with pyroscope_native.profile("p.collapsed"):
    for thread in sleepers: thread.start()
    for _ in range(12000):
        thread = threading.Thread(target=int); thread.start(); thread.join()
    before = _core.counters()["seen_ns"]
    def burn():
        end = time.thread_time() + 0.5
        while time.thread_time() < end: pass
    thread = threading.Thread(target=burn); thread.start(); thread.join()
    seen = _core.counters()["seen_ns"] - before
    assert seen > 0.4e9, seen
    assert len(_core.threads()) < 1000
    idle.set()
"""
    done = python("-c", program, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_few_timers_to_be_had(tmp_path: Path) -> None:
    program = """
import resource, threading, time
idle = threading.Event()
threads = [threading.Thread(target=idle.wait) for _ in range(50)]
for thread in threads: thread.start()
resource.setrlimit(resource.RLIMIT_SIGPENDING, (20, 20))
import pyroscope_native
with pyroscope_native.profile("p.pb.gz"):
    end = time.process_time() + 0.3
    while time.process_time() < end: pass
idle.set()
"""
    done = python("-c", program, cwd=tmp_path)
    assert done.returncode == 0
    assert "per-thread timers can't be had" in done.stderr
