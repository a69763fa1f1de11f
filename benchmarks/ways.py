# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Where profiles go: to a server on loopback, or to a file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.profilers import Recording
from benchmarks.sink import Sink

FILE, PUSH = "file", "push"


class DoesNotPush(Exception):
    """The server has had nothing."""


@contextmanager
def recording(way: str, rate_hz: int = 100, interval_s: int = 10) -> Iterator[Recording]:
    """One that goes this way, for any number of programs.

    Raises:
        DoesNotPush: at the end, none of them has pushed what it was to
    """
    with Sink() as sink, tempfile.TemporaryDirectory() as directory:
        yield Recording(rate_hz, directory, sink.address if way == PUSH else "", interval_s)
    if way == PUSH and not sink.uploads:
        raise DoesNotPush("it does not push")
