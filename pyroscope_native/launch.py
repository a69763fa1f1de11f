# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Starts a program under the profiler: the side of `run`.

`run` does not imitate the interpreter. It becomes the interpreter, with the
program's own command line, and leaves a note in the environment; what the
note says is done by `program`, which the interpreter imports before it comes
to the program (as `sitecustomize`, found through PYTHONPATH). So everything
about the program is as without us: `__main__`, `sys.argv`, exit codes,
tracebacks, pickles of its classes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import NoReturn

from pyroscope_native.config import Config
from pyroscope_native.errors import ConfigError

NOTE = "PYROSCOPE_NATIVE_RUN"
BOOTSTRAP_DIRECTORY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_bootstrap")


def check_script(script: str) -> None:
    """Raises ConfigError if `python SCRIPT` could not even begin."""
    if script == "-":
        return
    if os.path.isdir(script):
        if not os.path.exists(os.path.join(script, "__main__.py")):
            raise ConfigError(f"can't find __main__.py in the directory {script}")
    elif not os.path.exists(script):
        raise ConfigError(f"there is no file {script}")
    elif not os.access(script, os.R_OK):
        raise ConfigError(f"no permission to read {script}")


def _interpreter_options() -> list[str]:
    """The options of the interpreter that runs now, for the one to come."""
    words: Sequence[str] = getattr(sys, "orig_argv", ())
    if "-m" in words:
        return list(words[1 : list(words).index("-m")])
    options: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return options


def _plain(config: Config) -> dict[str, object]:
    values = config._asdict()
    return {**values, "tags": dict(config.tags), "http_headers": dict(config.http_headers)}


def exec_program(words: Sequence[str], config: Config | None) -> NoReturn:
    """Become `python WORDS…`, profiled as `config` says; None: not at all.

    Raises ConfigError where it can't be profiled for want of an option.
    """
    environment = dict(os.environ)
    options = _interpreter_options()
    if config is not None:
        if sys.flags.ignore_environment or sys.flags.no_site:
            raise ConfigError(
                "python's options -E, -I and -S keep the profiler out: leave them away, "
                "or call pyroscope_native.configure() in the program"
            )
        former = environment.get("PYTHONPATH")
        environment[NOTE] = json.dumps({"config": _plain(config), "python_path": former})
        environment["PYTHONPATH"] = os.pathsep.join(
            [BOOTSTRAP_DIRECTORY] + ([former] if former else [])
        )
    os.execve(sys.executable, [sys.executable, *options, *words], environment)
