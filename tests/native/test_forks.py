# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Forks, children and exits beside each other."""

from __future__ import annotations

from pathlib import Path

from tests.support.push_server import PushServer
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


def test_a_program_that_puts_something_in_the_place_of_what_we_call(tmp_path: Path) -> None:
    program = """
import os, time
from pyroscope_native import _core
from pyroscope_native.config import Config
from pyroscope_native.session import Session
from pyroscope_native import process
session = Session(Config("patched", outputs=("/none.pb.gz",)))
process.begin(session, lambda: None)
def refuse(*_): raise RuntimeError("not here")
os.listdir = time.sleep = os.stat = os.open = refuse
if os.fork() == 0: os._exit(0)
os.wait()
end = time.thread_time() + 0.2
while time.thread_time() < end: pass
assert session._drain is not None
session.stop()
"""
    done = python("-c", program, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_child_in_a_spawn_is_let_be(tmp_path: Path) -> None:
    """All signals are blocked between the fork and the exec."""
    program = """
import os, signal, pyroscope_native
from pyroscope_native import process
pyroscope_native.configure(application_name="spawns", server_address="http://127.0.0.1:9")
former = signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
if os.fork() == 0:
    os._exit(0 if process.current() is None else 1)
signal.pthread_sigmask(signal.SIG_SETMASK, former)
assert os.wait()[1] == 0
os._exit(0)
"""
    done = python("-c", program, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_fork_that_python_does_not_hear_of(tmp_path: Path) -> None:
    """As those of uWSGI's workers."""
    program = """
import ctypes, os, sys, time
import pyroscope_native
def burn():
    end = time.thread_time() + 0.2
    while time.thread_time() < end: pass
def parents(): burn()
def childs(): burn()
begin = lambda: pyroscope_native.configure("app", server_address=sys.argv[1])
assert begin()
parents()
pid = ctypes.PyDLL(None).fork()
if pid == 0:
    assert pyroscope_native.stats() is None
    assert begin()
    childs()
    pyroscope_native.shutdown()
    os._exit(3)
assert os.waitpid(pid, 0)[1] == 3 << 8
assert pyroscope_native.stats().running
"""
    with PushServer() as server:
        done = python("-W", "ignore", "-c", program, server.address, cwd=tmp_path)
        assert (done.returncode, done.stderr, server.faults) == (0, "", [])
        names = [
            {frame.name for sample in push.profile.samples for frame in sample.stack}
            & {"parents", "childs"}
            for push in server.pushes
        ]
    assert sorted(map(sorted, names)) == [["childs"], ["parents"]]
