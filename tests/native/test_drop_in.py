# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Programs written for pyroscope-io, with another import."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.push_server import PushServer
from tests.support.python import python

PROGRAM = """
import os, threading, time
import pyroscope_native as pyroscope
ADDRESS = os.environ["ADDRESS"]
def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end: pass
"""


def program(
    server: PushServer, code: str, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return python("-c", PROGRAM + code, cwd=cwd, env={"ADDRESS": server.address, "REGION": "eu"})


def test_the_least() -> None:
    with PushServer() as server:
        done = program(server, """
pyroscope.configure(application_name="my.python.app", server_address=ADDRESS)
burn(0.3)
""")  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        assert server.pushes[0].labels["service_name"] == "my.python.app"
        assert server.faults == []


def test_every_documented_option() -> None:
    with PushServer() as server:
        done = program(server, """
pyroscope.configure(
    application_name="my.python.app", server_address=ADDRESS, sample_rate=100,
    cpu_enabled=True, oncpu=True, gil_only=True, mem_enabled=True, mem_max_nframe=128,
    mem_heap_sample_size=512 * 1024, mem_enable_mem_domain=True, enable_logging=True,
    tags={"region": f'{os.getenv("REGION")}', "empty": os.getenv("NOWHERE", "")},
    basic_auth_username="12345", basic_auth_password="secret", tenant_id="team")
burn(0.3)
print(pyroscope.shutdown())
""")  # fmt: skip
        assert (done.returncode, done.stdout) == (0, "True\n")
        push = server.pushes[0]
        assert push.labels["region"] == "eu"
        assert "empty" not in push.labels
        assert push.headers["authorization"].startswith("Basic ")
        assert push.headers["x-scope-orgid"] == "team"
        assert server.faults == []
    lines = done.stderr.splitlines()
    assert [line.split("pyroscope_native: ")[1] for line in lines] == [
        "a label is left out: the value of tag empty must be 1 to 2048 bytes",
        "mem_enabled: memory is not profiled, CPU time is",
        f"profiling has begun: my.python.app to {server.address}",
        "profiling has ended",
    ]


def test_logging_that_the_program_has_set_up_is_used(tmp_path: Path) -> None:
    with PushServer() as server:
        done = program(server, """
import logging
logging.basicConfig(filename="log", level=logging.INFO, format="%(name)s %(levelname)s")
pyroscope.configure(application_name="app", server_address=ADDRESS, enable_logging=True)
pyroscope.shutdown()
""", cwd=tmp_path)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "log").read_text() == "pyroscope_native INFO\n" * 2


def test_without_logging_nothing_is_told() -> None:
    with PushServer() as server:
        done = program(server, """
pyroscope.configure(application_name="app", server_address=ADDRESS)
pyroscope.shutdown()
""")  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_memory_alone_is_nothing() -> None:
    with PushServer() as server:
        done = program(server, """
print(pyroscope.configure(application_name="my.python.app", server_address=ADDRESS,
                          cpu_enabled=False, mem_enabled=True))
print(pyroscope.shutdown())
""")  # fmt: skip
        assert done.stdout == "False\nFalse\n"
        assert "nothing is profiled" in done.stderr
        assert server.requests == 0


@pytest.mark.parametrize("line_no", ["LastInstruction", "First", "NoLine"])
def test_line_numbers(line_no: str) -> None:
    with PushServer() as server:
        code = f"""
pyroscope.configure(application_name="lines", server_address=ADDRESS,
                    line_no=pyroscope.LineNo.{line_no})
burn(0.3)
"""
        done = program(server, code)
        assert (done.returncode, done.stderr) == (0, "")
        lines = {
            frame.line
            for push in server.pushes
            for sample in push.profile.samples
            for frame in sample.stack
            if frame.name == "burn"
        }
    definition = PROGRAM.splitlines().index("def burn(seconds):") + 1
    expected = {
        "LastInstruction": lines <= {definition + 1, definition + 2} and bool(lines),
        "First": lines == {definition},
        "NoLine": lines == {0},
    }
    assert expected[line_no], lines


def test_workers_configure_after_the_fork() -> None:
    with PushServer() as server:
        done = program(server, """
def post_fork(number):
    pyroscope.configure(application_name="shop", server_address=ADDRESS,
                        tags={"worker": str(number)})
workers = []
for number in range(2):
    pid = os.fork()
    if pid == 0:
        post_fork(number)
        burn(0.3)
        raise SystemExit(0)
    workers.append(pid)
for pid in workers: os.waitpid(pid, 0)
""")  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        assert {push.labels["worker"] for push in server.pushes} == {"0", "1"}


def test_shutdown_fork_and_configure_again() -> None:
    with PushServer() as server:
        done = program(server, """
def configure(): pyroscope.configure(application_name="shop", server_address=ADDRESS)
def before(): burn(0.2)
def after(): burn(0.2)
configure()
before()
pyroscope.shutdown()
pid = os.fork()
configure()
after()
pyroscope.shutdown()
if pid: os.waitpid(pid, 0)
""")  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        functions = [
            {frame.name for sample in push.profile.samples for frame in sample.stack}
            for push in server.pushes
        ]
        assert [("before" in names, "after" in names) for names in functions] == [
            (True, False), (False, True), (False, True),
        ]  # fmt: skip
