# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A virtual environment for each profiler, made from the package registry."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.profilers import Profiler


class Unavailable(Exception):
    """A profiler can't be had here; the text says why."""


def interpreter(profiler: Profiler) -> Path:
    """The Python of the profiler's environment; that which runs, if it needs none.

    Raises:
        Unavailable: it can't be installed, or its Python can't be had
    """
    return Path(sys.executable)
