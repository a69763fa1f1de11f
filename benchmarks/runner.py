# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Runs programs under profilers, each in its own environment and session."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.environments import ROOT, Environment, environment
from benchmarks.profilers import NONE, Profiler, Recording
from benchmarks.program import Took
from benchmarks.sink import Sink

TIMEOUT_S = 120


class ProgramFailed(Exception):
    """The program, or the profiler, did not end well; the text has its last words."""


def ended(status: int, said: str) -> ProgramFailed:
    """That it ended with another status than 0, and the last line of what it had said."""
    last = said.strip().splitlines()[-1:] or ["no output"]
    return ProgramFailed(f"exit status {status}: {last[0]}")


def command(
    profiler: Profiler, recording: Recording, words: list[str], within: Environment | None = None
) -> list[str]:
    """The command that runs `python WORDS` under the profiler, in its environment or another.

    Raises:
        Unavailable: the environment can't be had
    """
    within = within or environment(profiler)
    module = profiler.load()
    python = [str(within.python)]
    if hasattr(module, "command"):
        python = module.command(recording, within.python)
    return [*within.before, *python, *words]


def variables() -> dict[str, str]:
    """For programs: this package can be imported, hashes are the same each time, and
    modules are compiled but once, as where they are installed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}


def run(
    profiler: Profiler, recording: Recording, words: list[str], within: Environment | None = None
) -> None:
    """Run `python WORDS` to its end.

    Raises:
        ProgramFailed: it took too long, or ended with another status than 0
        Unavailable: as `command`
    """
    process = subprocess.Popen(
        command(profiler, recording, words, within),
        cwd=ROOT,
        env=variables(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=TIMEOUT_S)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)  # its helpers hold the pipe, too
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise ProgramFailed(f"not done after {TIMEOUT_S} s") from error
        raise
    if process.returncode != 0:
        raise ended(process.returncode, said)


def run_workload(
    profiler: Profiler, workload: str, recording: Recording, within: Environment | None = None
) -> Took:
    """Run a workload once.

    Raises:
        ProgramFailed, Unavailable: as `run`
    """
    words = ["-m", "benchmarks.program", profiler.name, workload, json.dumps(recording._asdict())]
    return Took(**run_for_result(profiler, recording, words, within))


def run_for_result(
    profiler: Profiler, recording: Recording, words: list[str], within: Environment | None = None
) -> Any:
    """Run `python WORDS RESULT` to its end; what it has written, as JSON, to the file RESULT.

    Raises:
        ProgramFailed, Unavailable: as `run`
    """
    with tempfile.TemporaryDirectory() as scratch:
        result = Path(scratch, "result.json")
        run(profiler, recording, [*words, str(result)], within)
        return json.loads(result.read_text())


class Outcome(NamedTuple):
    """What came of a run that had somewhere to deliver its profile to."""

    took: Took
    uploads: list[int]
    """Bytes of each."""
    files: int

    @property
    def delivered(self) -> bool:
        """Whether there is a profile; without a sample most profilers deliver none."""
        return bool(self.uploads or self.files)


def run_pushing(
    profiler: Profiler,
    workload: str,
    rate_hz: int,
    interval_s: int,
    within: Environment | None = None,
) -> Outcome:
    """Run a workload once, with a sink.

    Raises:
        ProgramFailed, Unavailable: as `run`
    """
    with tempfile.TemporaryDirectory() as directory:
        recording = Recording(rate_hz, directory, interval_s=interval_s)
        if profiler == NONE:
            return Outcome(run_workload(profiler, workload, recording, within), [], 0)
        with Sink() as sink:
            recording = recording._replace(sink=sink.address)
            took = run_workload(profiler, workload, recording, within)
        return Outcome(took, sink.uploads, len(os.listdir(directory)))
