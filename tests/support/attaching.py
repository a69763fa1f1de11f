# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Programs to attach to, and `attach` in a process of its own.

Before CPython 3.14 no process can have another execute a script. There these programs
have a handler of SIGUSR1 that does, which is the same to them: it runs in the main thread
between two instructions.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tests.support.python import ROOT, TIMEOUT_S

IS_REAL = hasattr(sys, "remote_exec")

_PRELUDE = """
import os, sys, time
if not hasattr(sys, "remote_exec"):
    import signal
    def execute(*_):
        with open("script") as file:
            name = file.read()
        with open(name) as file:
            exec(file.read(), {})
    signal.signal(signal.SIGUSR1, execute)

def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(1000))

def is_told():
    import select
    return bool(select.select([0], [], [], 0)[0])

def say(*words):
    print(*words, flush=True)

say("ready")
"""

_ATTACH = """
import os, signal, sys
if not hasattr(sys, "remote_exec"):
    def remote_exec(pid, name):
        with open("script", "w") as file:
            file.write(name)
        os.kill(pid, signal.SIGUSR1)
    sys.remote_exec = remote_exec
from pyroscope_native import meeting
meeting._ANSWER_LIMIT_S = 1.5
from pyroscope_native.cli import main
sys.exit(main(["attach", *sys.argv[1:]]))
"""


def _environment() -> dict[str, str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYROSCOPE_")}
    return {**environment, "PYTHONPATH": str(ROOT), "PYROSCOPE_FUSE": "off"}


def _expect(stream: IO[str], beginning: str) -> str:
    """The rest of the first line of `stream` with that beginning."""
    for line in stream:
        if line.startswith(beginning):
            return line[len(beginning) :].strip()
    raise AssertionError(f"no line began with {beginning!r}")


class Program:
    """A program that runs: `burn(seconds)` is there, `is_told()` whether it was told
    something, `say(words)`."""

    def __init__(self, code: str, directory: Path, *options: str) -> None:
        self._directory = directory
        script = directory / "program.py"
        script.write_text(_PRELUDE + code)
        self.process = subprocess.Popen(
            [sys.executable, *options, str(script)],
            cwd=directory,
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.heard("ready")

    @property
    def pid(self) -> int:
        return self.process.pid

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def heard(self, beginning: str) -> str:
        """What follows in the next line with that beginning."""
        assert self.process.stdout is not None
        return _expect(self.process.stdout, beginning)

    def end(self) -> str:
        """Have it end, by closing what it is told by; returns what is on its stderr."""
        _, errors = self.process.communicate(timeout=TIMEOUT_S)
        assert self.process.returncode == 0, errors
        return errors


@contextmanager
def running(code: str, directory: Path, *options: str) -> Iterator[Program]:
    program = Program(code, directory, *options)
    try:
        yield program
    finally:
        program.process.kill()
        program.process.communicate()


class Attaching:
    """`attach PID WORDS…` under way."""

    def __init__(self, pid: int, *words: str, cwd: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _ATTACH, str(pid), *words],
            cwd=cwd,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def has_begun(self) -> None:
        assert self.process.stderr is not None
        _expect(self.process.stderr, "pyroscope_native: profiling process")

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def end(self) -> tuple[int, str]:
        """The status, and what it has said on stderr since it was last heard."""
        _, errors = self.process.communicate(timeout=TIMEOUT_S)
        return self.process.returncode, errors


def attach(pid: int, *words: str, cwd: Path) -> tuple[int, str]:
    """The status of `attach PID WORDS…`, and what it says on stderr."""
    return Attaching(pid, *words, cwd=cwd).end()


STATE = """
def state():
    import _signal, _thread, atexit, json, posix, threading
    with open("/proc/self/status") as file:
        status = dict(line.split(":") for line in file)
    return json.dumps({
        "threads": threading.active_count(),
        "tasks": status["Threads"],
        "signals": [status[name] for name in ("SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt")],
        "descriptors": len(os.listdir("/proc/self/fd")),
        "path": sys.path,
        "handler": str(_signal.getsignal(_signal.SIGPROF)),
        "timer": _signal.getitimer(_signal.ITIMER_PROF),
        "at exit": atexit._ncallbacks() if hasattr(sys, "remote_exec") else 0,  # others count more
        "builtins": [id(f) for f in (
            os.execv, posix.execv, os.execve, posix.execve, os._exit, posix._exit,
            _signal.signal, _thread.get_native_id, threading.get_native_id)],
        "takes descriptors": len(os.supports_fd),
    })
"""
"""Defines `state()`: what a program could notice of us, as JSON."""


def wait_until_state_is(program: Program, expected: Any) -> None:
    """Of a program that says its `state` when it is told something."""
    until_s = time.monotonic() + TIMEOUT_S
    while True:
        program.tell("state")
        found = json.loads(program.heard("state "))
        if found == expected:
            return
        assert time.monotonic() < until_s, (found, expected)
