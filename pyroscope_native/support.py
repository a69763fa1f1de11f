# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Whether this interpreter can be profiled, and if not, why and what to do about it."""

from __future__ import annotations

import os
import sys

OLDEST = (3, 9)
NEWEST = (3, 15)
SYSTEMS = ("linux", "darwin")

_SUPPORTED = f"CPython {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
# --no-deps, lest pip replace a protobuf that is pinned by the newest.
_BUILD = (
    "with a C compiler and the Python headers at hand, "
    "pip install --force-reinstall --no-deps --no-binary pyroscope-native pyroscope-native"
)


def reason_unsupported() -> str | None:
    """Why nothing can be profiled here, in one line; None if it can."""
    return _reason_of_interpreter() or _reason_of_core()


def _reason_of_interpreter() -> str | None:
    if sys.implementation.name != "cpython":
        return f"{sys.implementation.name} is not supported: run the program with {_SUPPORTED}"
    if sys.platform not in SYSTEMS:
        where = "in WSL or a container" if sys.platform == "win32" else "on Linux or macOS"
        return f"{sys.platform} is not supported: run the program {where}"
    version = sys.version_info[:2]
    if version > NEWEST:
        return (
            f"CPython {version[0]}.{version[1]} is newer than this version of pyroscope-native "
            f"supports: upgrade it, or run the program with {_SUPPORTED}"
        )
    if version < OLDEST:
        return (
            f"CPython {version[0]}.{version[1]} is not supported: run the program with {_SUPPORTED}"
        )
    if "t" in sys.abiflags:
        return "free-threaded CPython is not supported: run the program with an ordinary build"
    return None


def _reason_of_core() -> str | None:
    try:
        import pyroscope_native._core  # noqa: F401
    except ModuleNotFoundError:
        return _reason_of_absence()
    except ImportError as error:
        if "interpreter" in str(error):
            return f"only a process's main interpreter can be profiled ({error})"
        return f"the native core can't be loaded ({error}): {_BUILD}"
    return None


def _reason_of_absence() -> str:
    folder = os.path.dirname(os.path.abspath(__file__))
    try:
        names = os.listdir(folder)
    except OSError:  # a zip file, say
        return f"no native core can be loaded from {folder}: install the package in a folder"
    others = sorted(name for name in names if name.startswith("_core.") and name.endswith(".so"))
    if others:
        return (
            f"it was installed for another Python ({', '.join(others)}): "
            f"{sys.executable} -m pip install --force-reinstall --no-deps pyroscope-native"
        )
    return f"there is no native core, as where no wheel fits this machine: {_BUILD}"
