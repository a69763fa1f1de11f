# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Outages, as programs live through them."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import pprof_reader
from tests.support.certificates import new_certificate, server_context
from tests.support.push_server import Answer, Push, PushServer
from tests.support.python import ROOT, TIMEOUT_S, python, run

BUSY = """
import pyroscope_native, sys, time
def configure(port, spool, **more):
    from pyroscope_native import api, config
    api._begin(config.Config(application_name="shop", server_address=f"http://127.0.0.1:{port}",
                          spool_directory=spool, upload_interval_s=0.2, **more))
def burn(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end: sum(range(1000))
"""


def start(code: str, *words: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYROSCOPE_FUSE": "off"}
    return subprocess.Popen(
        [sys.executable, "-c", BUSY + code, *words],
        env=environment,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < end_s, "it does not come true"
        time.sleep(0.01)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def spooled(folder: Path) -> Counter[int]:
    """Beginnings of the windows that wait there."""
    return Counter(int(path.name.partition("-")[0]) for path in folder.glob("*.gz"))


def arrived(pushes: list[Push]) -> Counter[int]:
    return Counter(push.profile.time_ns for push in pushes if push.profile.time_ns is not None)


def test_what_waits_outlives_kills_and_arrives_once(tmp_path: Path) -> None:
    """Two processes share a folder while the server is away; both are killed, and of
    their successors the first is killed, too."""
    port = free_port()
    words = (str(port), str(tmp_path))
    code = "configure(*sys.argv[1:])\nburn(100)\n"
    first, second = start(code, *words), start(code, *words)
    until(lambda: len(spooled(tmp_path)) >= 12)
    for process in (first, second):
        process.send_signal(signal.SIGKILL)
        process.communicate()
    waited = spooled(tmp_path)
    third = start(code, *words)
    until(lambda: len(spooled(tmp_path)) >= len(waited) + 3)
    third.send_signal(signal.SIGKILL)
    third.communicate()
    assert set(waited) < set(spooled(tmp_path))
    waited = spooled(tmp_path)

    with PushServer(port=port) as server:
        code = "configure(*sys.argv[1:])\nsys.stdin.read()\npyroscope_native.shutdown()\n"
        fourth, fifth = start(code, *words), start(code, *words)
        until(lambda: not waited - arrived(server.pushes))
        for process in (fourth, fifth):
            _, errors = process.communicate()
            assert (process.returncode, errors) == (0, "")
        assert server.faults == []
    assert set(arrived(server.pushes).values()) == {1}
    assert waited - arrived(server.pushes) == Counter()
    assert list(tmp_path.iterdir()) == []


def test_what_waits_is_tried_again_though_nothing_new_comes(tmp_path: Path) -> None:
    with PushServer() as server:
        server.answers.extend([Answer(close=True), Answer(status=503), Answer(status=429)])
        program = f"""
import time, pyroscope_native
pyroscope_native.configure(application_name="shop", server_address={server.address!r},
                           upload_interval=3600)
end = time.process_time() + 0.2
while time.process_time() < end: pass
print(pyroscope_native.flush(20))
until = time.monotonic() + {TIMEOUT_S}
while not pyroscope_native.stats().windows_pushed and time.monotonic() < until:
    time.sleep(0.01)
print(pyroscope_native.stats().deliveries)
"""
        done = python("-c", program)
        assert done.stdout.splitlines()[0] == "False"
        assert "pushed=1, waiting=0" in done.stdout
        assert done.stderr.count("a window waits, since it was not taken") == 3
        assert server.faults == []
        assert len(server.pushes) >= 1


def test_nobody_is_there_while_it_is_too_early(tmp_path: Path) -> None:
    """So a fork meets no thread, and its child has nothing of the parent's. What the
    child leaves is found by the parent."""
    port = free_port()
    program = (
        BUSY
        + f"""
import os, warnings
warnings.simplefilter("error")
from pyroscope_native import process
configure({port}, {str(tmp_path / "spool")!r}, upload_timeout_s=1.0)
burn(1)
session = process.current()
def forked():
    pid = os.fork()
    if pid == 0:
        child = process.current()
        assert child is not session
        assert child.uploader.figures() == (0,) * 10, child.uploader.figures()
        os._exit(0)
    return os.waitpid(pid, 0)[1]
for _ in range(20):
    assert session.uploader.wait_until_idle(time.monotonic() + 20)
    assert forked() == 0
figures = session.uploader.figures()
assert figures.spooled == figures.closed + figures.found > 0, figures
"""
    )
    done = python("-c", program)
    assert done.returncode == 0, done.stderr
    assert "DeprecationWarning" not in done.stderr


def test_the_spool_takes_what_is_left_at_the_end(tmp_path: Path) -> None:
    program = BUSY + f"configure(1, {str(tmp_path)!r})\nburn(0.7)\n"
    done = python("-c", program)
    assert done.returncode == 0, done.stderr
    assert len(spooled(tmp_path)) >= 2
    assert list(tmp_path.glob("*.lock"))


def test_a_silent_server_does_not_keep_the_program(tmp_path: Path) -> None:
    with PushServer() as server:
        server.answers.extend(Answer(dribbles=True) for _ in range(100))
        program = (
            BUSY
            + f"""
configure({server.port}, {str(tmp_path)!r}, shutdown_timeout_s=1.0)
burn(0.7)
began = time.monotonic()
pyroscope_native.shutdown()
print(time.monotonic() - began < 9)
"""
        )
        done = python("-c", program)
        assert done.stdout == "True\n", done.stderr
        assert "did not end within 1 s" in done.stderr
    assert len(spooled(tmp_path)) >= 2


def test_gevent_in_place_of_everything(tmp_path: Path) -> None:
    """Sockets of the uploading thread are gevent's then, and limited all the same."""
    pytest.importorskip("gevent")
    certificate = new_certificate(tmp_path / "certificate.pem", "IP:127.0.0.1")
    with PushServer(tls=server_context(certificate)) as server:
        server.answers.extend([Answer(status=503), Answer(close=True), Answer(dribbles=True)])
        program = f"""
from gevent import monkey; monkey.patch_all()
import gevent, time, pyroscope_native
from pyroscope_native import api, config
api._begin(config.Config(application_name="shop", server_address={server.address!r},
                      ca_file={str(certificate)!r}, upload_interval_s=0.3, upload_timeout_s=1.0))
def spin():
    while not pyroscope_native.stats().windows_pushed:
        sum(range(10000))
        gevent.sleep(0)
gevent.joinall([gevent.spawn(spin) for _ in range(3)], timeout={TIMEOUT_S})
pyroscope_native.shutdown()
deliveries = pyroscope_native.stats().deliveries
print(deliveries.pushed == deliveries.closed > 0)
"""
        done = python("-c", program)
        assert done.stdout == "True\n", done.stderr
        assert server.requests == len(server.pushes) + 3
        assert server.faults == []


def test_processes_that_begin_together_do_not_push_together() -> None:
    program = """
from pyroscope_native.config import Config
from pyroscope_native.session import Session
def first_windows(interval_s):
    for _ in range(30):
        session = Session(Config("shop", outputs=("/none.pb.gz",), upload_interval_s=interval_s))
        session.start()
        yield session._due_s - session._began_s
        session.stop()
seconds = sorted(first_windows(10))
assert 2 <= seconds[0] < 5 < 7 < seconds[-1] <= 10, seconds
assert max(first_windows(3600)) <= 1800
"""
    done = python("-c", program)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_summary_tells_what_was_lost(tmp_path: Path) -> None:
    with PushServer() as server:
        server.answers.append(Answer(status=400))
        code = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
        done = run("--server-address", server.address, "-c", code, cwd=tmp_path)
    assert re.search(r"pushed 0 windows to .*; not taken: 1 \(1 refused\)", done.stderr)
    (output,) = tmp_path.glob("*.pb.gz")
    assert pprof_reader.check(output.read_bytes()).samples
