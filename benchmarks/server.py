# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A service under a profiler, in processes of their own, and loads on it."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

from benchmarks.environments import ROOT, Environment
from benchmarks.load import Load
from benchmarks.processes import session_cpu_ns
from benchmarks.profilers import NONE, Profiler, Recording
from benchmarks.runner import ProgramFailed, command, ended, run, variables

START_S = 30
END_S = 30
"""For delivering the profile, too."""


class Server(NamedTuple):
    """What answers at a port."""

    session: int
    """Of all its processes, the profiler's too."""
    port: int

    def load(self, rate: int, seconds: float) -> Load:
        """So many requests a second; at rate 0 as many as it answers.

        Raises:
            ProgramFailed: a request was not answered with success
        """
        with tempfile.TemporaryDirectory() as scratch:
            result = Path(scratch, "result.json")
            words = ["-m", "benchmarks.load", str(self.port), str(rate), str(seconds)]
            run(NONE, Recording(0, scratch), [*words, str(result)])
            return Load(**json.loads(result.read_text()))

    def cpu_ns(self) -> int:
        """CPU time of all its processes so far."""
        return session_cpu_ns(self.session)


@contextmanager
def serving(
    profiler: Profiler, service: str, recording: Recording, within: Environment | None = None
) -> Iterator[Server]:
    """Serve as long as the block lasts, in the profiler's environment or another; the
    profile has been delivered at the end.

    Raises:
        ProgramFailed: it did not start or end in time, or with another status than 0
        Unavailable: as `command`
    """
    with socket.create_server(("127.0.0.1", 0)) as door, tempfile.TemporaryFile("w+") as output:
        words = ["-m", "benchmarks.serve", profiler.name, service]
        words += [json.dumps(recording._asdict()), str(door.getsockname()[1])]
        process = subprocess.Popen(
            command(profiler, recording, words, within),
            cwd=ROOT,
            env=variables(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            pid, port = _announced(door, process, output)
            yield Server(process.pid, port)
            os.kill(pid, signal.SIGTERM)
            if process.wait(END_S) != 0:
                raise ended(process.returncode, _said(output))
        except subprocess.TimeoutExpired as error:
            raise ProgramFailed(f"not ended after {END_S} s") from error
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _announced(
    door: socket.socket, process: subprocess.Popen[bytes], output: IO[str]
) -> tuple[int, int]:
    """The program's process and port, as it tells them at the door."""
    death = os.pidfd_open(process.pid)
    try:
        heard, _, _ = select.select([door, death], [], [], START_S)
    finally:
        os.close(death)
    if not heard:
        raise ProgramFailed(f"not started after {START_S} s")
    if death in heard:
        process.wait()
        raise ended(process.returncode, _said(output))
    caller, _ = door.accept()
    with caller, caller.makefile() as told:
        pid, port = told.read().split()
    return int(pid), int(port)


def _said(output: IO[str]) -> str:
    output.seek(0)
    return output.read()
