# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A virtual environment for each profiler, under build/benchmarks, made with pip and kept
until its requirements or its interpreter change.

Its interpreter is that which measures. A profiler that needs another minor version gets
one of pyenv's, or `python3.N` of the PATH. BENCHMARKS_PYTHON_NAME, with the profiler's name
in capitals and `_` for what is no letter or digit, names another; it may be a command, of
which the interpreter is the last word. So an interpreter that lives in another root can be
used, and packages that want a newer libc:

    BENCHMARKS_PYTHON_PROFILING_SAMPLING="benchmarks/in-root.sh /srv/sid python3.15"
    BENCHMARKS_PYTHON_AUSTIN="benchmarks/in-root.sh /srv/sid python3.14"

Files must have the same paths there, and processes the same numbers.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.profilers import Profiler

ROOT = Path(__file__).resolve().parent.parent
DIRECTORY = ROOT / "build" / "benchmarks"
ALWAYS = ("pyperformance==1.*", "uvicorn==0.*", "waitress==3.*")
"""What workloads and services want."""


class Unavailable(Exception):
    """A profiler can't be had here; the text says why."""


class Environment(NamedTuple):
    """Where a program runs."""

    python: Path
    before: tuple[str, ...] = ()
    """Words before any command, to enter another root."""
    version: str = sys.version
    """As `sys.version` has it."""


OURS = Environment(Path(sys.executable))


def environment(profiler: Profiler) -> Environment:
    """The profiler's environment, made if it has to be; ours, if that does.

    Raises:
        Unavailable: it can't be installed, or its Python can't be had
    """
    variable = "BENCHMARKS_PYTHON_" + re.sub("[^A-Z0-9]", "_", profiler.name.upper())
    command = os.environ.get(variable)
    if command is None and not profiler.has_own_environment:
        return OURS
    found = command or _found(profiler.python)
    if not found:
        raise Unavailable(f"there is no python{profiler.python}: install it, or set {variable}")
    return _made(profiler, tuple(shlex.split(found)))


def _found(minor: str) -> str:
    """An interpreter of this minor version; empty if there is none."""
    if minor in ("", f"{sys.version_info[0]}.{sys.version_info[1]}"):
        return sys.executable
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    of_pyenv = sorted(root.glob(f"versions/{minor}.*/bin/python"))
    # First, since what pyenv puts on the PATH works for the versions only that it is told to.
    return str(of_pyenv[-1]) if of_pyenv else shutil.which(f"python{minor}") or ""


@functools.lru_cache(None)
def _made(profiler: Profiler, interpreter: tuple[str, ...]) -> Environment:
    *before, python = interpreter
    directory = DIRECTORY / re.sub("[^a-z0-9]+", "-", profiler.name.lower())
    mine = directory / "bin" / "python"
    try:
        version = output([*before, python, "-c", "import sys; print(sys.version)"])
        wanted = {"python": [*interpreter, version], "packages": [*profiler.requirements, *ALWAYS]}
        stamp = directory / "made.json"
        if not (stamp.exists() and json.loads(stamp.read_text()) == wanted):
            shutil.rmtree(directory, ignore_errors=True)
            directory.parent.mkdir(parents=True, exist_ok=True)
            output([*before, python, "-m", "venv", str(directory)])
            install = [*before, str(mine), "-m", "pip", "install", "--disable-pip-version-check"]
            output([*install, "--quiet", *wanted["packages"]])
            stamp.write_text(json.dumps(wanted))  # last: what is interrupted is begun again
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unavailable(reason(error)) from error
    return Environment(mine, tuple(before), version)


def output(words: list[str], variables: Mapping[str, str] | None = None) -> str:
    """What a command says on stdout; raises `CalledProcessError` if it fails."""
    done = subprocess.run(
        words, cwd=ROOT, env=variables, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def reason(error: Exception) -> str:
    """The last line that says why a command has failed."""
    if isinstance(error, subprocess.CalledProcessError):
        lines: list[str] = (error.stderr or error.stdout).strip().splitlines() or [str(error)]
        errors = [line for line in lines if line.startswith("ERROR")]
        return (errors or lines)[-1]
    return str(error)
