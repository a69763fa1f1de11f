# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A program that dies inside the profiler runs without it the next time."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.profiled import BURN
from tests.support.python import run

pytestmark = pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="no memory file system")

DIES_IN_THE_HANDLER = """
import ctypes, sys
from pyroscope_native import _core
((_, cookie),) = [thread for thread in _core.threads()]
# The far part of the slot's scratch stack, which deep stacks are written to.
page = (cookie + 8192) // 4096 * 4096
if ctypes.CDLL(None).mprotect(ctypes.c_void_p(page), 4096, 0) != 0: sys.exit("no mprotect")
sys.setrecursionlimit(5000)
def recurse(n):
    if n: recurse(n - 1)
    else: burn(5)
recurse(1000)
"""


@pytest.fixture
def memory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        yield Path(directory)


def attempt(
    code: str, memory: Path, directory: Path, fuse: str = ""
) -> subprocess.CompletedProcess[str]:
    (directory / "app.py").write_text(BURN + code)
    environment = {"PYROSCOPE_FUSE": fuse or str(memory), "PYTHONFAULTHANDLER": ""}
    return run("-o", "a.pb.gz", "app.py", cwd=directory, env=environment)


def test_after_a_crash_in_the_handler(memory: Path, tmp_path: Path) -> None:
    died = attempt(DIES_IN_THE_HANDLER, memory, tmp_path)
    assert died.returncode == -signal.SIGSEGV, died.stderr
    for _ in range(2):
        spared = attempt("burn(0.1); print('ran')", memory, tmp_path)
        assert spared.returncode == 0
        assert spared.stdout == "ran\n"
        assert "nothing is profiled: process" in spared.stderr
        assert "died inside the profiler" in spared.stderr
        assert not (tmp_path / "a.pb.gz").exists()
    profiled = attempt("burn(0.1)", memory, tmp_path, fuse="off")
    assert "nothing is profiled" not in profiled.stderr
    assert (tmp_path / "a.pb.gz").exists()


@pytest.mark.parametrize(
    "end",
    [
        "sys.exit(3)",
        "os.kill(os.getpid(), signal.SIGTERM)",
        "os._exit(4)",
        "os.execv(sys.executable, [sys.executable, '-c', ''])",
    ],
)
def test_an_end_leaves_nothing(end: str, memory: Path, tmp_path: Path) -> None:
    attempt(f"import os, signal, sys; burn(0.1); {end}", memory, tmp_path)
    assert os.listdir(memory) == []


def test_a_crash_elsewhere_is_no_reason(memory: Path, tmp_path: Path) -> None:
    code = "import os, signal; burn(0.1); os.kill(os.getpid(), signal.SIGKILL)"
    assert attempt(code, memory, tmp_path).returncode == -signal.SIGKILL
    again = attempt("burn(0.1)", memory, tmp_path)
    assert "nothing is profiled" not in again.stderr


def test_children_leave_their_parents_marks_alone(memory: Path, tmp_path: Path) -> None:
    code = """
import os
pids = [os.fork() for _ in range(2)]
burn(0.2)
if 0 in pids: os._exit(0)
for _ in pids: os.wait()
"""
    assert attempt(code, memory, tmp_path).returncode == 0
    assert os.listdir(memory) == []
