# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Whether this interpreter can be profiled, and if not, why."""

from __future__ import annotations

import sys

OLDEST = (3, 9)
NEWEST = (3, 15)


def reason_unsupported() -> str | None:
    """Why nothing can be profiled here, in one line; None if it can."""
    if sys.implementation.name != "cpython":
        return f"{sys.implementation.name} is not supported, only CPython"
    version = sys.version_info[:2]
    if not OLDEST <= version <= NEWEST:
        return (
            f"CPython {version[0]}.{version[1]} is not supported, "
            f"only {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
        )
    if "t" in sys.abiflags:
        return "free-threaded CPython is not supported yet"
    try:
        from pyroscope_native import _core  # noqa: F401
    except ImportError as error:
        if "interpreter" in str(error):
            return f"only a process's main interpreter can be profiled ({error})"
        return f"the native core is missing ({error}): reinstall with a C compiler at hand"
    return None
