# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What there is to say of a process that is to be attached to."""

from __future__ import annotations

import os
import re
import sys
from typing import NamedTuple

_NEEDED = (3, 14)
"""The first Python that can be attached to."""

_INSTEAD = (
    "Instead, start the program with `python -m pyroscope_native run`, or have it call "
    "pyroscope_native.configure()"
)


class _Python(NamedTuple):
    """Of another process."""

    version: tuple[int, int]
    executable: str

    def __str__(self) -> str:
        return f"Python {_dotted(self.version)} ({self.executable})"


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _python(pid: int) -> _Python | None:
    """Which Python the process runs; None if it runs none, or that can't be seen."""
    try:
        executable = os.readlink(f"/proc/{pid}/exe")
        with open(f"/proc/{pid}/maps", errors="replace") as file:
            mapped = file.read()
    except OSError:
        return None
    found = re.search(r"python(\d+)\.(\d+)", os.path.basename(executable))
    found = found or re.search(r"/(?:lib)?python(\d+)\.(\d+)[/.]", mapped)
    if found is None:
        return None
    return _Python((int(found[1]), int(found[2])), executable)


def _state(pid: int) -> str:
    """The kernel's letter for what it does; empty where that can't be told."""
    try:
        with open(f"/proc/{pid}/stat", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""


def is_running(pid: int) -> bool:
    """Whether there is such a process, and it has not ended."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        pass
    except (OSError, OverflowError):
        return False
    return pid > 0 and _state(pid) not in ("Z", "X")


# ---- in words ----


def why_waiting(pid: int) -> str:
    """Why it has not executed a script yet."""
    if _state(pid) in ("T", "t"):
        return f"process {pid} is stopped (kill -CONT {pid} lets it go on)"
    return (
        f"the main thread of process {pid}, which alone can begin, has not come to run Python: "
        "it waits or works in C (sleep, accept, join, …)"
    )


def why_no_permission(pid: int) -> str:
    """Why the kernel does not let us write to it."""
    try:
        owner = os.stat(f"/proc/{pid}").st_uid
    except OSError:
        owner = os.geteuid()
    if os.geteuid() not in (0, owner):
        return (
            f"no permission: process {pid} belongs to the user with the id {owner}; attach as "
            "that user, or as root"
        )
    return (
        f"no permission to write to process {pid}: it takes CAP_SYS_PTRACE (sudo; in a "
        "container, --cap-add=SYS_PTRACE) or, for one's own processes, "
        "kernel.yama.ptrace_scope=0"
    )


def why_not_here(pid: int) -> str:
    """Why this interpreter, which is too old, can't attach to it."""
    python = _python(pid)
    if python is not None and python.version >= _NEEDED:
        return _why_another(pid, python)
    its = f", and process {pid} runs {python}" if python is not None else ""
    return (
        f"only Python {_dotted(_NEEDED)} and later can be attached to, from the same version: "
        f"this is {_dotted(sys.version_info[:2])}{its}. {_INSTEAD}"
    )


def why_unfit(pid: int, error: str) -> str:
    """Why it executes no script; `error` is what Python says to that."""
    if not is_running(pid):
        return f"process {pid} has ended"
    if "not enabled" in error:
        return (
            f"process {pid} does not let itself be attached to: it was started with "
            f"PYTHON_DISABLE_REMOTE_DEBUG or -X disable-remote-debug. {_INSTEAD}"
        )
    python = _python(pid)
    if python is None:
        return f"process {pid} is no Python program: {error}"
    if python.version < _NEEDED:
        return (
            f"process {pid} runs {python}, and only Python {_dotted(_NEEDED)} and later can be "
            f"attached to. {_INSTEAD}"
        )
    if python.version != sys.version_info[:2]:
        return _why_another(pid, python)
    if "main thread" in error:
        return f"the main thread of process {pid} has ended, and it alone could begin"
    return f"process {pid} ({python}) can't be attached to: {error}"


def _why_another(pid: int, python: _Python) -> str:
    return (
        f"process {pid} runs {python}, and this is Python {_dotted(sys.version_info[:2])}: attach "
        f"with a Python {_dotted(python.version)} that has pyroscope_native, best that of the "
        "program's own environment"
    )
