# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Starts a program under the profiler: the side of `run`.

`run` does not imitate the interpreter. It becomes the interpreter, with the
program's own command line, and leaves a note in the environment (`note`); what it
says is done by `program`, which the interpreter imports before it comes
to the program (as `sitecustomize`, found through PYTHONPATH). So everything
about the program is as without us: `__main__`, `sys.argv`, exit codes,
tracebacks, pickles of its classes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from pyroscope_native import note
from pyroscope_native.errors import ConfigError
from pyroscope_native.note import Note


def check_script(script: str) -> None:
    """Raises ConfigError if `python SCRIPT` could not even begin."""
    if script == "-":
        return
    if os.path.isdir(script):
        main = os.path.join(script, "__main__.py")
        if not (os.path.exists(main) or os.path.exists(f"{main}c")):
            raise ConfigError(f"can't find __main__.py in the directory {script}")
    elif not os.path.exists(script):
        raise ConfigError(f"there is no file {script}")
    elif not os.access(script, os.R_OK):
        raise ConfigError(f"no permission to read {script}")


def check_interpreter() -> None:
    """Raises ConfigError if an option of ours keeps `sitecustomize` out."""
    if sys.flags.ignore_environment or sys.flags.no_site:
        raise ConfigError(
            "python's options -E, -I and -S keep the profiler out: leave them away, "
            "or call pyroscope_native.configure() in the program"
        )


def command_line() -> list[str]:
    """The words that this interpreter was started with; empty if unknown."""
    words: list[str] | None = getattr(sys, "orig_argv", None)  # CPython 3.10
    if words is None:
        try:
            with open("/proc/self/cmdline", "rb") as file:
                words = [os.fsdecode(word) for word in file.read().split(b"\0")[:-1]]
        except OSError:
            words = []
    return words


def interpreter_options(words: Sequence[str]) -> list[str]:
    """The interpreter's own options in its command line `words`.

    They end where the program begins: with `-m`, with `-c`, or with the first
    word that is no option (`python --help-all` has the list).
    """
    options: list[str] = []
    rest = iter(words[1:])
    for word in rest:
        if word in ("-", "--") or not word.startswith("-"):
            break
        options.append(word)
        if word.startswith("--"):
            if word == "--check-hash-based-pycs":
                options += [next(rest, "")]
            continue
        for at, letter in enumerate(word[1:], 1):
            if letter in "mc":
                options[-1:] = [word[:at]] if at > 1 else []
                return options
            if letter in "WX":
                options += [] if word[at + 1 :] else [next(rest, "")]
                break
    return options


def exec_program(words: Sequence[str], told: Note | None) -> NoReturn:
    """Become `python WORDS…`, profiled as `told`; None: not at all."""
    environment = dict(os.environ)
    if sys.flags.utf8_mode and environment.get("LC_CTYPE") == "C.UTF-8":
        # Set by this interpreter, for the C locale (PEP 538): the next one is to
        # find what this one found, and come to the UTF-8 mode by itself.
        del environment["LC_CTYPE"]
    options = interpreter_options(command_line())
    note.take_out(environment)  # where a profiled program runs another
    if told is not None:
        told.put(environment)
    command = [sys.executable, *options, *words]
    if sys.platform == "win32":
        _run_to_the_end(command, environment)
    os.execve(sys.executable, command, environment)


def _run_to_the_end(command: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Run `command` and end as it does: where exec ends the process, instead of becoming
    another program in it, whoever waits for us would not wait for that."""
    import signal
    import subprocess

    # Ctrl-C comes to both: it is the program's to obey, or not.
    signal.signal(signal.SIGINT, lambda *_: None)
    status = subprocess.call(command, env=environment)
    # Of a crash, which is above what `sys.exit` takes, as the same 32 bits with a sign.
    sys.exit(status - (1 << 32) if status >= 1 << 31 else status)
