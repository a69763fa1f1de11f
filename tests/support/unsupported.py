# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Interpreters that can't be profiled, and the package as they have it: without a core."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pyroscope_native
from tests.support.python import ROOT

PACKAGE = Path(pyroscope_native.__file__).parent


class Interpreter(NamedTuple):
    """This one, made to look like another when it starts."""

    reason: str
    """What is said of it, in part."""
    disguise: str = ""
    """Code for `sitecustomize`."""


_WITHOUT_CHECKOUT = """
import sys
sys.meta_path = [each for each in sys.meta_path if "editable" not in repr(each)]
"""
"""Where the checkout is installed, a finder has the modules that a copy lacks."""


_WINDOWS = Path(__file__).with_name("like_windows.py").read_text()

INTERPRETERS = {
    "without a core": Interpreter(
        "there is no native core, as where no wheel fits this machine: with a C"
    ),
    "Windows": Interpreter("win32 is not supported: run the program in WSL", _WINDOWS),
    "FreeBSD": Interpreter("freebsd14 is not", "import sys; sys.platform = 'freebsd14'"),
    "PyPy": Interpreter("pypy is not", "import sys; sys.implementation.name = 'pypy'"),
    "free-threaded": Interpreter("free-threaded", "import sys; sys.abiflags += 't'"),
    "too new": Interpreter(
        "CPython 3.99 is newer than this version of pyroscope-native supports: upgrade it",
        "import sys; sys.version_info = (3, 99, 0, 'final', 0)",
    ),
}


def install(interpreter: Interpreter, directory: Path) -> dict[str, str]:
    """Install the package into `directory`; returns the environment in which Python is
    such an interpreter, and finds it there."""
    package = shutil.copytree(
        PACKAGE,
        directory / "pyroscope_native",
        ignore=shutil.ignore_patterns("_core.*", "__pycache__"),
    )
    assert not list(package.glob("_core*"))
    (directory / "sitecustomize.py").write_text(_WITHOUT_CHECKOUT + interpreter.disguise)
    return {"PYTHONPATH": f"{directory}:{ROOT}"}
