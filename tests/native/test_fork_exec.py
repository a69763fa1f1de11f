# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Forks and execs under load end well, and their CPU counts once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.push_server import PushServer
from tests.support.python import python, run

CLOCKS = pytest.mark.parametrize("clock", ["thread", "process"])

# Of forks beside threads, and of the thread more that a fault's stacks show.
QUIET = {"PYTHONWARNINGS": "ignore", "PYTHONFAULTHANDLER": ""}

LOAD = """
import os, signal, subprocess, sys, threading, time
sys.path.append(os.environ["PYTHONPATH"].split(":")[0])
from tests.support.load import Load
def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end: pass
def status(pid): return os.waitpid(pid, 0)[1]
"""

PROGRAMS = {
    "a fork of a fork of a fork": """
def generation(n):
    burn(0.02)
    if n == 0: return 3
    pid = os.fork()
    if pid == 0: os._exit(generation(n - 1) + 1)
    return os.WEXITSTATUS(status(pid))
with Load(): print([generation(3) for _ in range(3)])
""",
    "forks in many threads": """
def fork():
    for i in range(20):
        pid = os.fork()
        if pid == 0: burn(0.002); os._exit(i)
        statuses.append(os.WEXITSTATUS(status(pid)))
statuses = []
threads = [threading.Thread(target=fork) for _ in range(4)]
with Load():
    for thread in threads: thread.start()
    for thread in threads: thread.join()
print(sorted(statuses) == sorted(list(range(20)) * 4))
""",
    "children that start threads": """
def work(): burn(0.02)
with Load():
    for _ in range(10):
        pid = os.fork()
        if pid == 0:
            threads = [threading.Thread(target=work) for _ in range(3)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            sys.exit(5)
        assert status(pid) == 5 << 8
print("done")
""",
    "children that end in all ways": """
def child(end):
    pid = os.fork()
    if pid == 0:
        burn(0.01)
        end()
    return status(pid)
def execs(): os.execvp("true", ["true"])
def kills(): os.kill(os.getpid(), signal.SIGKILL)
def terminates(): os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)
def raises(): raise SystemExit(9)
with Load():
    ends = lambda: os._exit(0), lambda: os._exit(4), execs, kills, terminates, raises, os.abort
    for _ in range(3): print([child(end) for end in ends])
""",
    "a daemon": """
read, write = os.pipe()
with Load():
    burn(0.1)
    pid = os.fork()
    if pid == 0:
        os.setsid()
        if os.fork() > 0: os._exit(0)
        burn(0.1)
        os.write(write, b"daemon")
        sys.exit(0)
    os.close(write)
    print(status(pid), os.read(read, 100), os.read(read, 100))
""",
    "many commands": """
code = "import sys; sys.exit(sum(range(100000)) % 7)"
with Load():
    print({subprocess.run(["true"]).returncode for _ in range(40)})
    print({subprocess.run(["sh", "-c", "exit 3"], close_fds=False).returncode for _ in range(40)})
    print({subprocess.run(["true"], preexec_fn=os.getpid).returncode for _ in range(20)})
    print({os.system("exit 2") for _ in range(20)})
    print({status(os.posix_spawnp("sh", ["sh", "-c", "exit 6"], os.environ)) for _ in range(40)})
    print({subprocess.run([sys.executable, "-S", "-c", code]).returncode for _ in range(5)})
""",
    "commands in many threads": """
def work():
    for _ in range(15): results.append(subprocess.run(["sh", "-c", "echo x; exit 3"], **keep))
keep, results = {"stdout": subprocess.PIPE}, []
threads = [threading.Thread(target=work) for _ in range(4)]
with Load():
    for thread in threads: thread.start()
    for thread in threads: thread.join()
print({(done.returncode, done.stdout) for done in results}, len(results))
""",
    "a chain of execs": """
left = int(sys.argv[1]) if sys.argv[1:] else 3
print(left, flush=True)
Load(python=2, c=2).__enter__()
burn(0.1)
if left: os.execv(sys.executable, [sys.executable, __file__, str(left - 1)])
os.execlp("sh", "sh", "-c", "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; echo end $i")
""",
    "an exec from another thread": """
def go(): burn(0.1); os.execlp("sh", "sh", "-c", "echo end; exit 3")
Load(python=2, c=2).__enter__()
threading.Thread(target=go).start()
threading.Event().wait()
""",
    "an exec after a fork in a thread": """
def go():
    for _ in range(20):
        pid = os.fork()
        if pid == 0: os.execlp("sh", "sh", "-c", "exit 3")
        assert status(pid) == 3 << 8
thread = threading.Thread(target=go)
with Load(): thread.start(); thread.join()
print("done")
""",
    "multiprocessing": """
import multiprocessing
def work(n): burn(0.01); return n * n
if __name__ == "__main__":
    with Load():
        for method in ("fork", "spawn", "forkserver"):
            with multiprocessing.get_context(method).Pool(2) as pool:
                print(method, sum(pool.map(work, range(30))))
        from concurrent.futures import ProcessPoolExecutor
        with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
            print(sum(pool.map(work, range(30))))
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_without_a_profiler(name: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(LOAD + PROGRAMS[name])
    plain = python("program.py", cwd=tmp_path, env=QUIET)
    for clock in ("thread", "process"):
        done = run("--quiet", "--rate", "10000", "--clock", clock, "-o", "p.pb.gz",
                   "program.py", cwd=tmp_path, env=QUIET)  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (
            plain.returncode,
            plain.stdout,
            plain.stderr,
        ), clock


@pytest.mark.parametrize("name", ["a fork of a fork of a fork", "forks in many threads",
                                  "children that start threads", "children that end in all ways",
                                  "multiprocessing"])  # fmt: skip
def test_the_same_where_children_are_profiled(name: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(LOAD + PROGRAMS[name])
    plain = python("program.py", cwd=tmp_path, env=QUIET)
    with PushServer() as server:
        done = run("--quiet", "--rate", "10000", "--server-address", server.address,
                   "program.py", cwd=tmp_path, env=QUIET)  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, plain.stdout, plain.stderr)
        assert server.faults == []


def test_what_children_use_counts_once(tmp_path: Path) -> None:
    program = """
def in_process(number):
    def work(): burn(0.25)
    work.__code__ = work.__code__.replace(co_name=f"work_{number}")
    work()

in_process(0)

def fork(number):
    pid = os.fork()
    if pid == 0:
        in_process(number)
        inner = os.fork()
        if inner == 0: in_process(number + 10); os._exit(0)
        os._exit(status(inner))
    assert status(pid) == 0
threads = [threading.Thread(target=fork, args=(number,)) for number in (1, 2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
fork(3)
in_process(4)
"""
    (tmp_path / "program.py").write_text(LOAD + program)
    with PushServer() as server:
        done = run("--quiet", "--rate", "1000", "--server-address", server.address,
                   "program.py", cwd=tmp_path, env=QUIET)  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        assert server.faults == []
        weights: dict[str, list[int]] = {}
        for push in server.pushes:
            for sample in push.profile.samples:
                for name in {frame.name for frame in sample.stack if "work" in frame.name}:
                    weights.setdefault(name.rpartition(".")[2], []).append(sample.values[0])
    # Before 3.11 and after, what is shown of the name is not the same.
    total = sum(map(sum, weights.values()))
    assert abs(total - 8 * 0.25e9) < 8 * 0.25e9 * 0.1, weights


def test_a_child_whose_only_thread_ends(tmp_path: Path) -> None:
    program = """
def fork():
    pid = os.fork()
    if pid == 0: return  # the thread ends, and with it the process
    until = time.monotonic() + 10
    done, status = 0, None
    while done == 0 and time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        time.sleep(0.01)
    if done == 0: os.kill(pid, signal.SIGKILL); os.waitpid(pid, 0)
    print(status if done else "still there")
thread = threading.Thread(target=fork); thread.start(); thread.join()
"""
    (tmp_path / "program.py").write_text(LOAD + program)
    with PushServer() as server:
        done = run("--quiet", "--server-address", server.address, "program.py",
                   cwd=tmp_path, env=QUIET)  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr


SLOW_FORK = """
import mmap
mebibytes = 1024
heap = mmap.mmap(-1, mebibytes << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
if hasattr(mmap, "MADV_NOHUGEPAGE"): heap.madvise(mmap.MADV_NOHUGEPAGE)
for offset in range(0, len(heap), 4096): heap[offset] = 1
def timed():
    began = time.thread_time()
    pid = os.fork()
    if pid == 0: os._exit(0)
    used = time.thread_time() - began
    assert status(pid) == 0
    return used
times = sorted(timed() for _ in range(10))
assert times[5] > 0.004, times  # a tick of the kernel's at 250 Hz
with Load():
    for _ in range(10): timed()
print("forked")
"""


@CLOCKS
@pytest.mark.skipif(
    os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") < 2 << 30, reason="takes 1 GiB"
)
def test_forks_slower_than_the_tick(clock: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(LOAD + SLOW_FORK)
    done = run("--quiet", "--rate", "10000", "--clock", clock, "-o", "p.pb.gz", "program.py",
               cwd=tmp_path, env=QUIET)  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "forked\n", "")
