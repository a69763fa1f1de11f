# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""configure, shutdown and profile, and what they leave behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import pprof_reader
from tests.support.push_server import PushServer
from tests.support.python import python, run

BURN = """
import time
def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end: pass
"""


def test_run_pushes_windows_and_the_last_one(tmp_path: Path) -> None:
    with PushServer() as server:
        done = run(
            "--server-address", server.address, "--application-name", "shop", "--tag", "env=test",
            "--upload-interval", "1", "-c", BURN + "burn(3.2)", cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert server.faults == []
        assert len(server.pushes) >= 3
        total = 0
        for push in server.pushes:
            assert push.labels["service_name"] == "shop"
            assert push.labels["env"] == "test"
            for sample in push.profile.samples:
                assert sample.labels == ()
                total += sample.values[0]
        assert 2.9e9 < total < 3.4e9
        assert f"pushed {len(server.pushes)} windows to {server.address}" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_run_pushes_and_writes(tmp_path: Path) -> None:
    with PushServer() as server:
        run("--server-address", server.address, "--upload-interval", "1", "-o", "all.pb.gz",
            "-c", BURN + "burn(1.5)", cwd=tmp_path)  # fmt: skip
        pushed = sum(s.values[0] for push in server.pushes for s in push.profile.samples)
    whole = pprof_reader.check((tmp_path / "all.pb.gz").read_bytes())
    assert sum(sample.values[0] for sample in whole.samples) == pushed > 1.3e9


def test_configure_and_shutdown(tmp_path: Path) -> None:
    with PushServer() as server:
        program = (
            BURN
            + f"""
import pyroscope_native, threading
tags = {{"region": "eu"}}
def start():
    return pyroscope_native.configure(
        application_name="service", server_address={server.address!r}, tags=tags,
        basic_auth_username="user", basic_auth_password="secret", tenant_id="team",
        http_headers={{"X-Extra": "1"}}, report_thread_name=True)
assert start() is True
assert start() is False
burn(0.5)
assert pyroscope_native.shutdown() is True
assert pyroscope_native.shutdown() is False
burn(0.3)
assert start() is True
burn(0.5)
assert threading.active_count() == 1
"""
        )
        done = python("-c", program, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "secret" not in done.stderr
        assert server.faults == []
        assert len(server.pushes) == 2
        for push in server.pushes:
            total = sum(sample.values[0] for sample in push.profile.samples)
            assert 0.35e9 < total < 0.65e9
            assert push.labels["region"] == "eu"
            assert all(sample.labels == (("thread_name", "MainThread"),)
                       for sample in push.profile.samples)  # fmt: skip
            assert push.headers["x-scope-orgid"] == "team"
            assert push.headers["x-extra"] == "1"
            assert push.headers["authorization"].startswith("Basic ")


def test_a_forked_child_pushes_as_itself(tmp_path: Path) -> None:
    with PushServer() as server:
        program = (
            BURN
            + f"""
import os, pyroscope_native
pyroscope_native.configure(application_name="parent-and-child", server_address={server.address!r})
def in_parent(): burn(0.4)
def in_child(): burn(0.4)
in_parent()
pid = os.fork()
if pid == 0:
    in_child()
    raise SystemExit(0)
assert os.waitpid(pid, 0)[1] == 0
in_parent()
"""
        )
        done = python("-c", program, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        by_function: dict[str, list[int]] = {}
        for push in server.pushes:
            for sample in push.profile.samples:
                for name in {frame.name for frame in sample.stack}:
                    if name.startswith("in_"):
                        by_function.setdefault(name, []).append(sample.values[0])
        assert 0.3e9 < sum(by_function["in_child"]) < 0.5e9
        assert 0.7e9 < sum(by_function["in_parent"]) < 0.9e9


def test_a_child_of_multiprocessing_pushes_its_last_window(tmp_path: Path) -> None:
    """It ends by os._exit()."""
    with PushServer() as server:
        program = (
            BURN
            + f"""
import multiprocessing, pyroscope_native
pyroscope_native.configure(application_name="parent-and-child", server_address={server.address!r})
def in_child(): burn(0.4)
child = multiprocessing.get_context("fork").Process(target=in_child)
child.start(); child.join()
assert child.exitcode == 0
"""
        )
        done = python("-c", program, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        weights = [
            sample.values[0]
            for push in server.pushes
            for sample in push.profile.samples
            if "in_child" in {frame.name for frame in sample.stack}
        ]
        assert 0.3e9 < sum(weights) < 0.5e9


def test_profile_a_block(tmp_path: Path) -> None:
    program = (
        BURN
        + """
import pyroscope_native
def inside(): burn(0.3)
def outside(): burn(0.3)
outside()
with pyroscope_native.profile("a.pb.gz", "a.html", "a.collapsed", "a.speedscope.json"):
    inside()
outside()
with pyroscope_native.profile("b.pb.gz", sample_rate=500):
    inside()
"""
    )
    done = python("-c", program, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    for name, period in (("a.pb.gz", 10_000_000), ("b.pb.gz", 2_000_000)):
        profile = pprof_reader.check((tmp_path / name).read_bytes())
        assert profile.period == period
        names = {frame.name for sample in profile.samples for frame in sample.stack}
        assert "inside" in names
        assert "outside" not in names
    for name in ("a.html", "a.collapsed", "a.speedscope.json"):
        assert "inside" in (tmp_path / name).read_text()


def test_settings_that_can_not_be_are_refused(tmp_path: Path) -> None:
    program = """
import pyroscope_native
for settings in ({"sample_rate": 0}, {"tags": ["a"]}, {"server_address": "x"},
                 {"upload_interval": 0}, {"clock": "sun"}):
    try:
        pyroscope_native.configure(**settings)
    except pyroscope_native.ConfigError as error:
        print(error)
try:
    pyroscope_native.profile("missing/x.html")
except pyroscope_native.ConfigError as error:
    print(error)
"""
    done = python("-c", program, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 6


def test_taking_sigprof_away_ends_profiling_with_a_word(tmp_path: Path) -> None:
    program = (
        BURN
        + """
import signal
burn(0.2)
signal.signal(signal.SIGPROF, signal.SIG_IGN)
burn(2)
"""
    )
    done = run("--upload-interval", "1", "-o", "p.pb.gz", "-c", program, cwd=tmp_path)
    assert done.returncode == 0
    assert "something else handles SIGPROF now" in done.stderr
    assert pprof_reader.check((tmp_path / "p.pb.gz").read_bytes()).samples


@pytest.mark.parametrize("clock", ["thread", "process"])
def test_a_program_with_a_handler_of_its_own_has_it_alone(clock: str, tmp_path: Path) -> None:
    program = (
        BURN
        + """
import signal, time
burn(0.2)
hits = 0
def mine(*_):
    global hits
    hits += 1
signal.signal(signal.SIGPROF, mine)
burn(0.3)
assert hits == 0, hits
signal.setitimer(signal.ITIMER_PROF, 0.05, 0.05)
end = time.monotonic() + 2.5
while time.monotonic() < end: burn(0.01)
assert signal.getitimer(signal.ITIMER_PROF)[1] > 0
assert hits > 10, hits
signal.setitimer(signal.ITIMER_PROF, 0)
"""
    )
    done = run("--quiet", "--clock", clock, "--upload-interval", "1", "-o", "p.pb.gz", "-c",
               program, cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("something else handles SIGPROF now") == 1
    assert "Error" not in done.stderr


def test_signals_that_are_not_ours_go_to_who_was_there_before(tmp_path: Path) -> None:
    program = (
        BURN
        + """
import os, signal
count = 0
def mine(*_):
    global count
    count += 1
signal.signal(signal.SIGPROF, mine)
import pyroscope_native
with pyroscope_native.profile("p.pb.gz"):
    for _ in range(5):
        os.kill(os.getpid(), signal.SIGPROF)
        burn(0.05)
os.kill(os.getpid(), signal.SIGPROF)
print(count)
"""
    )
    done = python("-c", program, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "6\n"), done.stderr


def test_start_and_stop_many_times(tmp_path: Path) -> None:
    program = (
        BURN
        + """
import pyroscope_native, threading
stop = False
def work():
    while not stop: sum(range(100))
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads: thread.start()
for i in range(50):
    with pyroscope_native.profile("p.collapsed", clock="process" if i % 2 else "thread"):
        burn(0.01)
stop = True
from pyroscope_native import _core
counters = _core.counters()
assert counters["samples"] > 10
"""
    )
    done = python("-c", program, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_unsupported_interpreters_run_on(tmp_path: Path) -> None:
    program = """
import sys
sys.modules["pyroscope_native._core"] = None
import pyroscope_native
print(pyroscope_native.configure(application_name="x"), pyroscope_native.shutdown())
with pyroscope_native.profile("p.html"):
    print("ran")
"""
    done = python("-c", program, cwd=tmp_path)
    assert done.stdout == "False False\nran\n"
    assert done.stderr.count("nothing is profiled") == 1


LATE = """
import atexit, hashlib, threading, time
def late():
    import pyroscope_native
    print(pyroscope_native.configure(application_name="late", server_address="http://127.0.0.1:9"))
def in_c(data=b"x" * 100_000_000, sha256=hashlib.sha256):
    while True: sha256(data).digest()
class Slow:
    def __del__(self, clock=time.thread_time):
        end = clock() + 0.3
        while clock() < end: pass
atexit.register(late)
import pyroscope_native, sys
pyroscope_native.configure(application_name="late", server_address="http://127.0.0.1:9")
for _ in range(2): threading.Thread(target=in_c, daemon=True).start()
time.sleep(0.1)
sys.kept = Slow()  # lives until threads have lost their states
"""


def test_no_session_begins_at_the_end() -> None:
    done = python("-c", LATE)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "False\n"
    assert "the program is ending" in done.stderr
