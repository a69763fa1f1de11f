# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""One recording: what is asked of a profiler, and what it then tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Recording(NamedTuple):
    """What to record and where to put it."""

    rate_hz: int
    directory: str
    """For files, of this recording only."""
    sink: str = ""
    """The address of the server to push to; empty: write a file, if it can."""
    interval_s: int = 10
    """Between uploads."""


class Sample(NamedTuple):
    """What a profile says of one stack."""

    functions: tuple[str, ...]
    """Names without modules or classes, root first."""
    cpu_ns: float
    labels: Mapping[str, str] = {}


class Ticks(NamedTuple):
    """What a profiler has counted of itself."""

    samples: int
    handler_ns: float
    """Time in the signal handler of one of them, the median."""
