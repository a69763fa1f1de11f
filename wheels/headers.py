# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Finds the headers of each CPython, its internal ones too.

Headers are the same for all machines but `pyconfig.h`, which is taken from a CPython for
x86_64 and glibc; what other targets have otherwise is in `wheels/pyconfig`. Looked for, in
this order:

    $PYTHON_INCLUDES    include folders, as in PATH
    interpreters        `python3.N` in PATH and in pyenv
    Debian              the package `libpython3.N-dev` of the release that the matrix names,
                        which is downloaded from this machine's mirror, not installed
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from wheels import debian
from wheels.checkout import WORK
from wheels.pythons import Python

MULTIARCH = "x86_64-linux-gnu"
"""Of whose `pyconfig.h` Debian has one for each machine."""


class NoHeaders(Exception):
    """Says whose, and what to do."""


def _pyconfig(include: Path) -> Path:
    of_machine = include.parent / MULTIARCH / include.name / "pyconfig.h"
    return of_machine if of_machine.is_file() else include / "pyconfig.h"


def _fits(include: Path, python: Python) -> bool:
    """Whether these are of that minor, for x86_64, and of a build like most."""
    wanted = [include / "patchlevel.h", include / "internal" / "pycore_interp.h"]
    if not all(file.is_file() for file in [*wanted, _pyconfig(include)]):
        return False
    version = re.search(r'#define PY_VERSION\s+"(\d+\.\d+)\.', wanted[0].read_text())
    config = _pyconfig(include).read_text()
    odd = re.search(r"^#define (Py_DEBUG|Py_GIL_DISABLED|Py_TRACE_REFS|Py_STATS)\b", config, re.M)
    return version is not None and version[1] == python.minor and odd is None


def interpreters(python: Python) -> Iterator[str]:
    """Those of this machine."""
    name = f"python{python.minor}"
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from map(str, sorted(pyenv.glob(f"versions/{python.minor}.*/bin/{name}"), reverse=True))
    found = shutil.which(name)
    if found:
        yield found


def _candidates(python: Python, work: Path) -> Iterator[Path]:
    for folder in filter(None, os.environ.get("PYTHON_INCLUDES", "").split(os.pathsep)):
        yield Path(folder)
    for interpreter in interpreters(python):
        asked = subprocess.run(
            [interpreter, "-c", "import sysconfig; print(sysconfig.get_path('include'))"],
            capture_output=True,
            text=True,
            check=False,
        )
        if asked.returncode == 0:
            yield Path(asked.stdout.strip())
    if python.debian is not None and debian.is_here():
        package = f"libpython{python.minor}-dev"
        root = debian.unpacked(package, python.debian, "amd64", work / "debian")
        yield root / "usr" / "include" / f"python{python.minor}"


def find(python: Python, work: Path = WORK / "headers") -> Path:
    """A folder with the headers of `python`, in `work`.

    Raises `NoHeaders`, and `debian.DownloadFailed`.
    """
    made = work / python.minor
    if not made.exists():
        include = next((each for each in _candidates(python, work) if _fits(each, python)), None)
        if include is None:
            raise NoHeaders(
                f"no headers of CPython {python.minor} for x86_64: install it, by pyenv for "
                f"example, or name its include folder in PYTHON_INCLUDES"
            )
        copy = work / f"{python.minor}.part"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(include, copy)
        shutil.copy(_pyconfig(include), copy / "pyconfig.h")
        copy.rename(made)
    return made
