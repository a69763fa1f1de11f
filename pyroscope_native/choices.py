# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Settings that are chosen by name, as pyroscope-io spells them."""

from __future__ import annotations

from enum import Enum


class LineNo(str, Enum):
    """Which line the frames of a function bear."""

    LastInstruction = "last"
    """That of the instruction that ran."""
    First = "first"
    """That of the function's definition."""
    NoLine = "none"


class ProfilerImplementation(str, Enum):
    """Engines of pyroscope-io. Here there is one, whichever is chosen."""

    PySpy = "pyspy"
    Stack = "stack"
