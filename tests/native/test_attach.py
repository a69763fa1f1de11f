# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""attach: a program that runs is profiled for a while, and is then as before."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pyroscope_native.cli import main
from tests.support import pprof_reader
from tests.support.attaching import (
    IS_REAL,
    STATE,
    Attaching,
    attach,
    running,
    wait_until_state_is,
)
from tests.support.profiled import weight_by_function
from tests.support.push_server import PushServer
from tests.support.python import python

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="programs look into /proc")
only_real = pytest.mark.skipif(not IS_REAL, reason="CPython 3.14 can attach")

# Longer than the interpreter's switch interval: who gives up the GIL more often than that,
# as `is_told` does, keeps others waiting for it without end.
BUSY = """
import threading
def main_work(): burn(0.02)
def side_work(): burn(0.02)
def side():
    while not is_told(): side_work()
thread = threading.Thread(target=side, name="side")
thread.start()
while not is_told(): main_work()
thread.join()
"""

STATES = (
    STATE
    + """
import threading
def main_work(): burn(0.02)
def rest(): hold.wait()
hold = threading.Event()
threading.Thread(target=rest, daemon=True).start()
while True:
    main_work()
    if is_told():
        if not sys.stdin.readline(): break
        say("state", state())
"""
)


def profile_in(path: Path) -> pprof_reader.ReadProfile:
    return pprof_reader.check(path.read_bytes(), max_stack_frames=1025)


def test_a_running_program_is_profiled(tmp_path: Path) -> None:
    with running(BUSY, tmp_path) as program:
        status, said = attach(program.pid, "--duration", "1", cwd=tmp_path)
        assert status == 0, said
        assert f"profiling process {program.pid} (program)" in said
        assert f"wrote pyroscope-program-{program.pid}.html" in said
        assert program.end() == ""
    profile = profile_in(tmp_path / f"pyroscope-program-{program.pid}.pb.gz")
    weights = weight_by_function(profile)
    assert {"main_work", "side_work"} <= weights.keys()
    names = {dict(sample.labels).get("thread_name") for sample in profile.samples}
    assert {"MainThread", "side"} <= names
    assert profile.duration_ns >= 0.9e9


def test_the_program_is_left_as_it_was_found(tmp_path: Path) -> None:
    with running(STATES, tmp_path) as program:
        program.tell("state")
        before = json.loads(program.heard("state "))
        for clock in ("thread", "process"):
            attaching = Attaching(
                program.pid, "--duration", "0", "--clock", clock, "-o", "p.pb.gz", cwd=tmp_path
            )
            attaching.has_begun()
            program.tell("state")
            during = json.loads(program.heard("state "))
            assert during["threads"] == before["threads"]
            assert during["path"] == before["path"]
            assert during["builtins"] != before["builtins"]
            attaching.interrupt()
            status, said = attaching.end()
            assert status == 0, said
            wait_until_state_is(program, before)
            assert "main_work" in weight_by_function(profile_in(tmp_path / "p.pb.gz"))
        assert program.end() == ""


def test_an_attach_that_is_killed_ends(tmp_path: Path) -> None:
    with running(STATES, tmp_path) as program:
        program.tell("state")
        before = json.loads(program.heard("state "))
        attaching = Attaching(program.pid, "--duration", "0", cwd=tmp_path)
        attaching.has_begun()
        attaching.process.kill()
        attaching.end()
        wait_until_state_is(program, before)
        assert program.end() == ""


def test_a_program_has_one_profiler(tmp_path: Path) -> None:
    with running(BUSY, tmp_path) as program:
        first = Attaching(program.pid, "--duration", "0", "-o", "first.pb.gz", cwd=tmp_path)
        first.has_begun()
        status, said = attach(program.pid, "-o", "second.pb.gz", cwd=tmp_path)
        assert status == 1
        assert f"process {program.pid} is not profiled: it is being profiled already" in said
        assert not (tmp_path / "second.pb.gz").exists()
        first.interrupt()
        assert first.end()[0] == 0
        assert program.end() == ""
    assert "main_work" in weight_by_function(profile_in(tmp_path / "first.pb.gz"))


ENDS = {
    "returns": "",
    "exits": "os._exit(0)",
    "becomes another": "os.execv(sys.executable, [sys.executable, '-c', 'pass'])",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_a_program_may_end_meanwhile(end: str, tmp_path: Path) -> None:
    code = f"def work(): burn(0.3)\nwhile not is_told(): burn(0.02)\nwork()\n{end}\n"
    with running(code, tmp_path) as program:
        attaching = Attaching(program.pid, "--duration", "0", "-o", "p.pb.gz", cwd=tmp_path)
        attaching.has_begun()
        assert program.end() == ""
        status, said = attaching.end()
    assert status == 0, said
    assert weight_by_function(profile_in(tmp_path / "p.pb.gz"))["work"] >= 0.2e9


def test_a_program_may_die_meanwhile(tmp_path: Path) -> None:
    with running(BUSY, tmp_path) as program:
        words = ("--duration", "0", "--upload-interval", "1", "-o", "p.pb.gz")
        attaching = Attaching(program.pid, *words, cwd=tmp_path)
        attaching.has_begun()
        program.process.kill()
        program.process.wait()
        status, said = attaching.end()
    assert status == 1
    assert f"process {program.pid}: it has ended without a word" in said
    profile_in(tmp_path / "p.pb.gz")


def test_children_have_nothing_of_it(tmp_path: Path) -> None:
    code = """
execv = os.execv
while not is_told(): burn(0.02)
pid = os.fork()
if pid == 0:
    say("child", len(os.listdir("/proc/self/fd")), os.execv is execv)
    burn(0.3)
    os._exit(0)
os.waitpid(pid, 0)
"""
    with running(code, tmp_path) as program:
        attaching = Attaching(program.pid, "--duration", "0", "-o", "p.pb.gz", cwd=tmp_path)
        attaching.has_begun()
        inherited = len(os.listdir(f"/proc/{program.pid}/fd"))
        program.tell("fork")
        # Without ours, but with the one that it looks by.
        assert program.heard("child ") == f"{inherited} True"
        assert "DeprecationWarning" not in program.end()
        assert attaching.end()[0] == 0


def test_windows_go_to_a_server(tmp_path: Path) -> None:
    with PushServer() as server, running(BUSY, tmp_path) as program:
        words = ("--server-address", server.address, "--upload-interval", "1", "--tag", "env=test")
        status, said = attach(program.pid, "--duration", "2.5", *words, cwd=tmp_path)
        assert status == 0, said
        assert f"to {server.address}" in said
        assert program.end() == ""
        assert server.faults == []
        assert len(server.pushes) >= 2
        for push in server.pushes:
            assert push.labels["service_name"] == "program"
            assert push.labels["env"] == "test"
            assert "thread_name" not in push.labels
    assert not list(tmp_path.glob("*.pb.gz"))


@only_real
def test_a_main_thread_that_waits_is_not_waited_for_forever(tmp_path: Path) -> None:
    code = "sys.stdin.read()"
    with running(code, tmp_path) as program:
        status, said = attach(program.pid, cwd=tmp_path)
        assert status == 1
        assert "waiting: the main thread" in said
        assert "given up" in said
        assert program.end() == ""  # nor does it try to do what it was to do


@only_real
def test_a_stopped_program(tmp_path: Path) -> None:
    with running(BUSY, tmp_path) as program:
        program.process.send_signal(signal.SIGSTOP)
        status, said = attach(program.pid, cwd=tmp_path)
        assert status == 1
        assert f"kill -CONT {program.pid}" in said
        program.process.send_signal(signal.SIGCONT)
        assert program.end() == ""


@only_real
def test_programs_that_can_not_be_attached_to(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        status, said = attach(sleeper.pid, cwd=tmp_path)
        sleeper.kill()
    assert status == 1
    assert f"process {sleeper.pid} is no Python program" in said
    with running(BUSY, tmp_path, "-X", "disable-remote-debug") as program:
        status, said = attach(program.pid, cwd=tmp_path)
        assert status == 1
        assert "-X disable-remote-debug" in said
        assert "pyroscope_native run" in said


@only_real
@pytest.mark.skipif(os.geteuid() != 0, reason="wants two users")
def test_a_program_of_another_user(tmp_path: Path) -> None:
    as_nobody = "import os; os.setgid(65534); os.setuid(65534)\n"
    with running(BUSY, tmp_path) as program:
        call = f"from pyroscope_native.cli import main\nmain(['attach', '{program.pid}'])"
        done = python("-c", as_nobody + call, cwd=Path("/tmp"))
        assert "belongs to the user with the id 0; attach as that user" in done.stderr
    with running(as_nobody + BUSY, tmp_path) as program:
        status, said = attach(program.pid, "--duration", "1", cwd=tmp_path)
        assert status == 0, said
        assert program.end() == ""


OTHERS = [
    path
    for minor in range(9, 16)
    if minor != sys.version_info[1]
    for path in [shutil.which(f"python3.{minor}")]
    if path
]


@pytest.mark.parametrize("other", OTHERS)
def test_another_python(other: str, capsys: pytest.CaptureFixture[str]) -> None:
    with subprocess.Popen([other, "-c", "print(flush=True); input()"], stdin=-1, stdout=-1) as its:
        assert its.stdout is not None
        if not its.stdout.readline():
            pytest.skip(f"{other} is not there")
        assert main(["attach", str(its.pid)]) == 1
        its.kill()
    said = capsys.readouterr().err
    assert f"process {its.pid} runs Python {os.path.basename(other)[6:]}" in said


@pytest.mark.skipif(IS_REAL, reason="this Python can attach")
def test_a_python_that_can_not_attach(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attach", str(os.getppid())]) == 1
    said = capsys.readouterr().err
    assert "only Python 3.14 and later can be attached to" in said
    assert "pyroscope_native.configure()" in said


def test_no_such_process(capsys: pytest.CaptureFixture[str]) -> None:
    with subprocess.Popen(["true"]) as ended:
        pass
    for pid in (ended.pid, 0, -1, os.getpid(), 2**70):
        assert main(["attach", str(pid)]) == 1
        assert f"there is no process {pid} to attach to" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--duration", "-1"],
        ["--duration", "soon"],
        ["-o", "profile.txt"],
        ["--rate", "0"],
        ["--tag", "novalue"],
        ["--server-address", "nowhere"],
        ["--server-address", "http://localhost:4040", "-o", "p.pb.gz"],
    ],
)
def test_settings_that_cannot_be(words: list[str]) -> None:
    assert main(["attach", str(os.getppid()), *words]) == 2
