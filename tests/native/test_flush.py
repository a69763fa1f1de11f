# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""flush(): a window is closed and delivered when it is asked for."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.push_server import Answer, Push, PushServer
from tests.support.python import python

PROGRAM = """
import os, threading, time, pyroscope_native
def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end: pass
def flush(timeout_s=20.0):
    return pyroscope_native.flush(timeout_s)
assert pyroscope_native.flush() is False
"""


def flushing(server: PushServer, code: str) -> subprocess.CompletedProcess[str]:
    """What comes of `code` in a program that is profiled, with an interval of an hour."""
    configure = (
        'pyroscope_native.configure(application_name="flushing", '
        f"server_address={server.address!r}, upload_interval=3600)\n"
    )
    return python("-c", PROGRAM + configure + code)


def names(push: Push) -> set[str]:
    return {frame.name for sample in push.profile.samples for frame in sample.stack}


def test_each_flush_pushes_what_came_before_it() -> None:
    with PushServer() as server:
        code = """
def first(): burn(0.3)
def second(): burn(0.3)
first(); print(flush())
second(); print(flush())
print(flush())
print(pyroscope_native.shutdown(), flush())
"""
        done = flushing(server, code)
        assert (done.stdout, done.stderr) == ("True\nTrue\nTrue\nTrue False\n", "")
        assert server.faults == []
        assert "first" in names(server.pushes[0])
        assert "second" in names(server.pushes[1])
        assert "first" not in names(server.pushes[1])


def test_what_the_server_refuses_is_not_delivered() -> None:
    with PushServer() as server:
        server.answers.append(Answer(status=400))
        done = flushing(server, "burn(0.2); print(flush())\nburn(0.2); print(flush())\n")
        assert done.stdout == "False\nTrue\n"
        assert "a window was not taken" in done.stderr


def test_a_silent_server_is_waited_for_as_long_as_was_said() -> None:
    """And has the window all the same, when it speaks again."""
    code = """
from tests.support.push_server import Answer, PushServer
with PushServer() as server:
    speak = threading.Event()
    server.answers.append(Answer(after=speak))
    pyroscope_native.configure(server_address=server.address, upload_interval=3600)
    burn(0.2)
    began = time.monotonic()
    print(flush(0.2), flush(0))
    print(time.monotonic() - began < 5)
    speak.set()
    print(flush(), server.requests > 0)
    pyroscope_native.shutdown()
"""
    done = python("-c", PROGRAM + code)
    assert (done.stdout, done.stderr) == ("False False\nTrue\nTrue True\n", "")


def test_threads_may_flush_at_the_same_time() -> None:
    with PushServer() as server:
        code = """
taken = []
def work():
    for _ in range(5):
        burn(0.02)
        taken.append(flush())
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(taken.count(True), len(taken))
"""
        done = flushing(server, code)
        assert (done.stdout, done.stderr) == ("20 20\n", "")
        assert server.faults == []


def test_a_flush_amid_forks_and_a_shutdown_comes_back() -> None:
    with PushServer() as server:
        code = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
taken, over = [], []
def work():
    while not over: taken.append(flush())
thread = threading.Thread(target=work)
thread.start()
for _ in range(20):
    burn(0.01)
    pid = os.fork()
    if pid == 0: os._exit(0)
    os.waitpid(pid, 0)
print(all(taken), len(taken) > 0)
began = time.monotonic()
pyroscope_native.shutdown()
over.append(True)
thread.join()
print(time.monotonic() - began < 15)
"""
        done = flushing(server, code)
        assert (done.stdout, done.stderr) == ("True True\nTrue\n", "")


def test_without_a_server_nothing_is_flushed(tmp_path: Path) -> None:
    code = 'with pyroscope_native.profile("a.pb.gz"):\n    burn(0.1)\n    print(flush())\n'
    done = python("-c", PROGRAM + code, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("False\n", "")
