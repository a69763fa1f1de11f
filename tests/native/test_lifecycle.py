# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Starts, ends, and what a program may do in between."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support.profiled import profiled, weight_by_function
from tests.support.push_server import PushServer
from tests.support.python import python, run

CLOCKS = pytest.mark.parametrize("clock", ["thread", "process"])

LOAD = """
import os, signal, sys, threading, time
sys.path.append(os.environ["PYTHONPATH"].split(":")[0])
import pyroscope_native
from tests.support.aimed import Storm
from tests.support.load import Load
def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end: pass
def tasks(): return len(os.listdir("/proc/self/task"))
def alone():
    # A thread that has been joined may take a moment to be gone.
    tries = 0
    while tasks() > 1 and tries < 500: tries += 1; time.sleep(0.01)
    return tasks() == 1
"""


def test_configure_and_shutdown_in_many_threads(tmp_path: Path) -> None:
    with PushServer() as server:
        program = f"""
begun, ended = [], []
def work(i):
    for n in range(4):
        begun.append(pyroscope_native.configure(
            application_name="storm", server_address={server.address!r}, sample_rate=10000,
            clock="process" if (i + n) % 2 else "thread"))
        burn(0.005)
        ended.append(pyroscope_native.shutdown())
threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
with Load():
    for thread in threads: thread.start()
    for thread in threads: thread.join()
ended.append(pyroscope_native.shutdown())
assert sum(begun) > 1 and sum(ended) > 1
assert alone(), tasks()
assert pyroscope_native.configure(application_name="after", server_address={server.address!r})
burn(0.2)
assert pyroscope_native.shutdown()
assert alone(), tasks()
"""
        done = python("-c", LOAD + program, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert set(done.stderr.splitlines()) <= {
            "pyroscope_native: profiling is under way already: shutdown() ends it"
        }
        assert server.faults == []
        assert server.pushes[-1].labels["service_name"] == "after"


@CLOCKS
def test_blocks_in_blocks_and_beside_each_other(clock: str, tmp_path: Path) -> None:
    program = f"""
def work(i):
    for _ in range(2):
        with pyroscope_native.profile(f"{{i}}.collapsed", clock={clock!r}, sample_rate=10000):
            with pyroscope_native.profile(f"{{i}}-inner.collapsed", clock={clock!r}): burn(0.01)
            burn(0.01)
threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
with Load():
    for thread in threads: thread.start()
    for thread in threads: thread.join()
assert alone(), tasks()
"""
    done = python("-c", LOAD + program, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stderr


def test_ticks_that_are_late_for_the_end(tmp_path: Path) -> None:
    program = """
with Load(python=2, c=2):
    for i in range(10):
        with pyroscope_native.profile("p.collapsed", sample_rate=10000):
            storm = Storm().__enter__()
            burn(0.02)
        storm.__exit__(None, None, None)
"""
    done = python("-c", LOAD + program, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


SUBINTERPRETERS = """
try: import _interpreters as interpreters
except ImportError: import _xxsubinterpreters as interpreters
def run(id, code):
    try: return interpreters.run_string(id, code)
    except TypeError: return interpreters.exec(id, code)
"""


@CLOCKS
def test_subinterpreters_that_burn(clock: str, tmp_path: Path) -> None:
    profile = profiled(
        SUBINTERPRETERS
        + """
import threading
code = '''
import time
end = time.thread_time() + 0.4
while time.thread_time() < end: sum(range(100))
'''
def work(): run(interpreters.create(), code)
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads: thread.start()
burn(0.4)
for thread in threads: thread.join()
""",
        tmp_path,
        "--clock",
        clock,
        "--rate",
        "10000",
    )
    weights = weight_by_function(profile)
    # Before 3.12 what another interpreter runs is under what has called it.
    elsewhere = weights["[subinterpreter]" if sys.version_info >= (3, 12) else "work"]
    assert elsewhere + weights["burn"] > 0.9 * 1.6e9
    if clock == "thread":  # the other's choice of thread is not exact
        assert elsewhere > 0.9 * 1.2e9
        assert weights["burn"] > 0.9 * 0.4e9


@CLOCKS
def test_subinterpreters_that_come_and_go(clock: str, tmp_path: Path) -> None:
    program = """
code = "import random; sum(i * i for i in range(3000))"
def work():
    for _ in range(15):
        id = interpreters.create()
        run(id, code)
        interpreters.destroy(id)
def storm():
    with Storm() as ticks:
        while any(thread.is_alive() for thread in threads): ticks.aim(); time.sleep(0.01)
threads = [threading.Thread(target=work) for _ in range(2 if sys.version_info >= (3, 12) else 1)]
with pyroscope_native.profile("p.pb.gz", sample_rate=10000, clock=CLOCK):
    for thread in threads: thread.start()
    if CLOCK == "thread": storm()
    for thread in threads: thread.join()
print("done")
"""
    program = f"CLOCK = {clock!r}\n" + LOAD + SUBINTERPRETERS + program
    done = python("-c", program, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


def test_an_import_in_a_subinterpreter(tmp_path: Path) -> None:
    program = """
code = '''
try:
    import pyroscope_native
    print(pyroscope_native.configure(application_name="x", server_address="http://127.0.0.1:9"))
    print(pyroscope_native.shutdown())
except ImportError as error:
    print("no import")
'''
with pyroscope_native.profile("p.collapsed", sample_rate=10000):
    for _ in range(3):
        id = interpreters.create(); run(id, code); interpreters.destroy(id); burn(0.05)
id = interpreters.create(); run(id, code); interpreters.destroy(id)
with pyroscope_native.profile("q.collapsed", sample_rate=10000): burn(0.2)
assert "burn" in open("q.collapsed").read()
"""
    done = python("-c", LOAD + SUBINTERPRETERS + program, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_imports_again_while_profiling(tmp_path: Path) -> None:
    program = """
import importlib
with Load():
    assert pyroscope_native.configure(application_name="x", server_address="http://127.0.0.1:9",
                                      sample_rate=10000)
    burn(0.1)
    importlib.reload(pyroscope_native)
    for name in [name for name in sys.modules if name.startswith("pyroscope_native")]:
        del sys.modules[name]
    import pyroscope_native as again
    burn(0.1)
    try:
        with again.profile("p.collapsed"): burn(0.1)
    except ImportError: pass
    pid = os.fork()
    if pid == 0: os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    burn(0.1)
pyroscope_native.shutdown()
print("there")
"""
    done = python("-W", "ignore", "-c", LOAD + program, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "there\n"), done.stderr
    assert "Fatal" not in done.stderr


@CLOCKS
def test_threads_with_little_stack(clock: str, tmp_path: Path) -> None:
    program = """
import json, re
def recurse(n): return n and recurse(n - 1)
def work():
    for _ in range(30):
        recurse(20)
        sorted(range(100), key=lambda x: -x)
        json.loads(json.dumps({"a": [1, 2, 3]}))
        re.sub("a+", lambda match: "b", "aaa" * 10)
threading.stack_size(32768)
for _ in range(20):
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
print("done")
"""
    (tmp_path / "program.py").write_text(LOAD + program)
    plain = python("program.py", cwd=tmp_path)
    if plain.returncode != 0:
        pytest.skip("this much is too much for 32 KiB without us, too")
    done = run("--quiet", "--clock", clock, "--rate", "10000", "-o", "p.pb.gz", "program.py",
               cwd=tmp_path)  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


def test_no_more_timers_to_be_had(tmp_path: Path) -> None:
    program = """
import resource
with Load():
    with pyroscope_native.profile("p.collapsed", sample_rate=10000):
        burn(0.05)
        resource.setrlimit(resource.RLIMIT_SIGPENDING, (0, 0))
        threads = [threading.Thread(target=burn, args=(0.05,)) for _ in range(20)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        def still(): burn(0.3)
        still()
assert "still" in open("p.collapsed").read()
print("done")
"""
    done = python("-c", LOAD + program, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


@CLOCKS
def test_no_more_memory_to_be_had(clock: str, tmp_path: Path) -> None:
    program = """
import resource
def mapped():
    with open("/proc/self/statm") as file: return int(file.read().split()[0]) * 4096
with Load():
    burn(0.1)
    resource.setrlimit(resource.RLIMIT_AS, (mapped() + (32 << 20),) * 2)
    kept = []
    try:
        while True: kept.append(bytearray(1 << 20))
    except MemoryError: pass
    refused = 0
    threading.stack_size(16 << 20)
    for _ in range(20):
        try: threading.Thread(target=burn, args=(0.01,)).start()
        except (RuntimeError, MemoryError): refused += 1
    del kept
    for i in range(2000): exec(f"def f_{i}(): return {i}\\nf_{i}()")
    burn(0.1)
print(refused > 0)
"""
    (tmp_path / "program.py").write_text(LOAD + program)
    plain = python("program.py", cwd=tmp_path)
    done = run("--quiet", "--clock", clock, "--rate", "10000", "-o", "p.collapsed", "program.py",
               cwd=tmp_path)  # fmt: skip
    assert (done.returncode, done.stdout) == (plain.returncode, plain.stdout), done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, for whom the limit counts")
def test_no_more_threads_to_be_had(tmp_path: Path) -> None:
    program = """
import resource
os.setuid(2**20 + os.getpid())
most = resource.getrlimit(resource.RLIMIT_NPROC)[1]
resource.setrlimit(resource.RLIMIT_NPROC, (1, most))
for _ in range(5):
    try: os.fork()
    except OSError as error: print(error.errno)
    try: threading.Thread(target=burn).start()
    except RuntimeError as error: print(error)
resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
burn(0.2)
print("done")
"""
    (tmp_path / "program.py").write_text(LOAD + program)
    tmp_path.chmod(0o777)
    plain = python("program.py", cwd=tmp_path)
    done = run("--quiet", "--rate", "10000", "-o", "p.collapsed", "program.py", cwd=tmp_path)
    assert plain.returncode == 0, plain.stderr
    assert (done.returncode, done.stdout) == (0, plain.stdout), done.stderr
