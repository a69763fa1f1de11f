# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Programs that use signals, and other tools that do, work as they do alone."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.support.profiled import kernel_ns, profiled, total, weight_by_function
from tests.support.python import python, run

CLOCKS = ("thread", "process")

LOAD = """
import os, signal, sys, threading, time
sys.path.append(os.environ["PYTHONPATH"].split(":")[0])
from tests.support.load import Load
"""

PROGRAMS = {
    "SIGALRM": """
count = 0
def ring(*_):
    global count
    count += 1
signal.signal(signal.SIGALRM, ring)
with Load():
    signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
    while count < 100: signal.pause()
    signal.setitimer(signal.ITIMER_REAL, 0)
print(count >= 100)
""",
    "SIGVTALRM": """
count = 0
def ring(*_):
    global count
    count += 1
signal.signal(signal.SIGVTALRM, ring)
with Load():
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.01, 0.01)
    while count < 20: sum(range(1000))
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
print(count >= 20)
""",
    "each SIGUSR1 is handled": """
count = 0
def ring(*_):
    global count
    count += 1
signal.signal(signal.SIGUSR1, ring)
with Load(python=2):
    for i in range(300):
        os.kill(os.getpid(), signal.SIGUSR1)
        while count == i: time.sleep(0.0001)
print(count)
""",
    "the wakeup descriptor": """
import socket
ours, theirs = socket.socketpair()
theirs.setblocking(False)
signal.set_wakeup_fd(theirs.fileno())
signal.signal(signal.SIGUSR1, lambda *_: None)
with Load():
    seen = b""
    for _ in range(200):
        os.kill(os.getpid(), signal.SIGUSR1)
        seen += ours.recv(1)
ours.setblocking(False)
try: seen += ours.recv(1000)
except BlockingIOError: pass
print(seen == bytes([signal.SIGUSR1]) * 200)
""",
    "asyncio": """
import asyncio
async def main():
    loop = asyncio.get_running_loop()
    came = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, came.set)
    for _ in range(100):
        came.clear()
        os.kill(os.getpid(), signal.SIGUSR1)
        await came.wait()
    child = await asyncio.create_subprocess_exec("sh", "-c", "kill -USR1 $PPID; exit 7")
    print(await child.wait())
    await came.wait()
with Load(): asyncio.run(main())
""",
    "sigwait": """
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
def send():
    for _ in range(200):
        os.kill(os.getpid(), signal.SIGUSR2)
        taken.acquire()
taken = threading.Semaphore(0)
with Load():
    sender = threading.Thread(target=send); sender.start()
    got = []
    for _ in range(200):
        got.append(signal.sigwait([signal.SIGUSR2])); taken.release()
    sender.join()
print(set(got) == {signal.SIGUSR2}, len(got))
for _ in range(50): assert signal.sigtimedwait([signal.SIGUSR2], 0.001) is None
print(signal.sigpending())
""",
    "masks": """
def show(how):
    print(how, sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])))
show("main")
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
thread = threading.Thread(target=show, args=("thread",)); thread.start(); thread.join()
import subprocess
code = "import signal; print(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])))"
sys.stdout.flush()
with Load():
    for _ in range(5): subprocess.run([sys.executable, "-S", "-c", code])
show("after")
""",
    "threads that block SIGPROF and let it in again": """
def blink():
    for _ in range(200):
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGPROF])
        sum(range(3000))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGPROF])
        sum(range(3000))
threads = [threading.Thread(target=blink) for _ in range(6)]
with Load():
    for thread in threads: thread.start()
    for thread in threads: thread.join()
print("blinked")
""",
    "all threads block SIGPROF to the end": """
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGPROF])
with Load(): sum(range(20000000))
print("there")
""",
    "SIGCHLD": """
dead = []
def reap(*_):
    while True:
        try: pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError: return
        if pid == 0: return
        dead.append(status)
signal.signal(signal.SIGCHLD, reap)
with Load(python=2):
    for i in range(60):
        if os.fork() == 0: os._exit(i)
    while len(dead) < 60: time.sleep(0.01)
print(sorted(status >> 8 for status in dead))
""",
    "an interrupt of the main thread": """
import _thread
count = 0
with Load():
    for _ in range(50):
        try:
            threading.Timer(0.001, _thread.interrupt_main).start()
            while True: sum(range(100))
        except KeyboardInterrupt: count += 1
print(count)
""",
    "cProfile": """
import cProfile, pstats
def inner(): return sum(range(100))
def outer():
    for _ in range(500): inner()
with Load():
    for _ in range(10):
        watch = cProfile.Profile(); watch.runcall(outer)
counts = pstats.Stats(watch).stats
mine = ("inner", "outer")
print(sorted((name, count[0]) for (_, _, name), count in counts.items() if name in mine))
""",
    "setprofile and settrace": """
events = {}
def note(frame, event, argument):
    key = frame.f_code.co_name, event
    events[key] = events.get(key, 0) + 1
    return note
def inner(n): return n and inner(n - 1)
with Load():
    for install in (sys.setprofile, sys.settrace):
        install(note)
        for _ in range(300): inner(5)
        install(None)
print(sorted(events.items()))
""",
    "tracemalloc": """
import tracemalloc
tracemalloc.start(10)
def allocate(): return [bytearray(1000) for _ in range(1000)]
with Load():
    for _ in range(20): kept = allocate()
here = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, __file__)])
print([s.count >= 1000 for s in here.statistics("lineno") if s.size > 900000])
""",
}
if sys.version_info >= (3, 12):
    PROGRAMS["sys.monitoring"] = """
count = 0
def note(*_):
    global count
    count += 1
tool = sys.monitoring.PROFILER_ID
sys.monitoring.use_tool_id(tool, "test")
def inner(n): return n and inner(n - 1)
with Load():
    sys.monitoring.register_callback(tool, sys.monitoring.events.PY_START, note)
    sys.monitoring.set_local_events(tool, inner.__code__, sys.monitoring.events.PY_START)
    for _ in range(300): inner(5)
    sys.monitoring.set_local_events(tool, inner.__code__, 0)
print(count)
"""


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_without_a_profiler(name: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(LOAD + PROGRAMS[name])
    quiet = {"PYTHONWARNINGS": "ignore"}  # of forks beside threads
    plain = python("program.py", cwd=tmp_path, env=quiet)
    assert (plain.returncode, plain.stderr) == (0, "")
    for clock in CLOCKS:
        done = run("--quiet", "--rate", "10000", "--clock", clock, "-o", "p.pb.gz",
                   "program.py", cwd=tmp_path, env=quiet)  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, plain.stdout, ""), clock


@pytest.mark.parametrize("clock", CLOCKS)
def test_each_signal_interrupts_the_main_threads_wait(clock: str, tmp_path: Path) -> None:
    program = """
class Rang(Exception): pass
def ring(*_): raise Rang
signal.signal(signal.SIGALRM, ring)
lock = threading.Lock(); lock.acquire()
late = 0
with Load():
    for _ in range(150):
        began = time.monotonic()
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.005)
            lock.acquire(timeout=1)
        except Rang: pass
        late += time.monotonic() - began > 0.9
print(late)
"""
    (tmp_path / "program.py").write_text(LOAD + program)
    done = run("--quiet", "--rate", "10000", "--clock", clock, "-o", "p.pb.gz", "program.py",
               cwd=tmp_path)  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


@pytest.mark.parametrize("clock", CLOCKS)
def test_what_is_used_while_sigprof_is_blocked_counts_later(clock: str, tmp_path: Path) -> None:
    program = """
        import signal, threading
        def shut():
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGPROF])
            burn(0.4)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGPROF])
            opened()
        def opened(): burn(0.1)
        threads = [threading.Thread(target=shut) for _ in range(3)]
        for thread in threads: thread.start(); thread.join()
        """
    profile = profiled(program, tmp_path, "--clock", clock, "--rate", "10000")
    assert abs(total(profile) - kernel_ns(tmp_path)) <= 0.02 * kernel_ns(tmp_path) + 60e6
    if clock == "thread":
        assert weight_by_function(profile)["shut"] > 1.3e9


# faulthandler's tables name threads by number, and show one more than without us.
FAULTS = {
    "enabled before": (
        "import faulthandler; faulthandler.enable()\nbegin()\nburn(0.2)\nfaulthandler._sigsegv()",
        -11,
        "Fatal Python error: Segmentation fault",
    ),
    "enabled after": (
        "begin()\nimport faulthandler; faulthandler.enable()\nburn(0.2)\nfaulthandler._sigabrt()",
        -6,
        "Fatal Python error: Aborted",
    ),
    "dump_traceback_later": (
        """
import faulthandler
begin()
with open("dump", "w+") as file:
    faulthandler.dump_traceback_later(0.02, repeat=True, file=file)
    while file.seek(0) == 0 and file.read().count("Timeout") < 10: burn(0.02)
    faulthandler.cancel_dump_traceback_later()
    file.seek(0); text = file.read()
assert "in burn" in text, text
""",
        0,
        "",
    ),
    "register": (
        """
import faulthandler, os, signal
begin()
with open("dump", "w+") as file:
    faulthandler.register(signal.SIGUSR1, file=file, all_threads=False)
    for _ in range(100): os.kill(os.getpid(), signal.SIGUSR1); burn(0.002)
    faulthandler.unregister(signal.SIGUSR1)
    file.seek(0); text = file.read()
assert text.count("most recent call first") == 100, text
""",
        0,
        "",
    ),
}

BEGIN = """
import time
import pyroscope_native
def begin():
    block = pyroscope_native.profile("p.pb.gz", sample_rate=10000, clock={clock!r})
    block.__enter__()
def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end: pass
"""


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("clock", CLOCKS)
def test_faulthandler(clock: str, name: str, tmp_path: Path) -> None:
    program, status, words = FAULTS[name]
    done = python("-c", BEGIN.format(clock=clock) + program, cwd=tmp_path)
    assert done.returncode == status, done.stderr
    assert words in done.stderr
    if status == 0:
        assert done.stderr == ""
    else:
        assert re.search(r'File "<string>", line \d+ in <module>', done.stderr)


@pytest.mark.parametrize("clock", CLOCKS)
def test_yappi(clock: str, tmp_path: Path) -> None:
    pytest.importorskip("yappi")
    program = """
import yappi
def inner(): return sum(range(100))
begin()
yappi.set_clock_type("cpu"); yappi.start()
for _ in range(2000): inner()
yappi.stop()
print([s.ncall for s in yappi.get_func_stats() if s.name == "inner"])
"""
    done = python("-c", BEGIN.format(clock=clock) + program, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[2000]\n", "")


@pytest.mark.parametrize("clock", CLOCKS)
def test_pyinstrument(clock: str, tmp_path: Path) -> None:
    pytest.importorskip("pyinstrument")
    program = """
import pyinstrument
begin()
with pyinstrument.Profiler(interval=0.001) as other: burn(0.3)
assert "burn" in other.output_text()
"""
    done = python("-c", BEGIN.format(clock=clock) + program, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_profiler_that_reads_memory_from_outside(clock: str, tmp_path: Path) -> None:
    pytest.importorskip("pyroscope")
    program = """
import pyroscope
pyroscope.configure(application_name="beside", server_address="http://127.0.0.1:9")
begin()
burn(1)
pyroscope_native.shutdown()
burn(0.2)
pyroscope.shutdown()
"""
    done = python("-c", BEGIN.format(clock=clock) + program, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
