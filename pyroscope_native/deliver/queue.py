# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Requests that wait for the server, in memory."""

from __future__ import annotations

from typing import NamedTuple

from pyroscope_native.log import warn_once


class Waiting(NamedTuple):
    """A request that waits: what there is to know of it without its body."""

    time_ns: int
    """Wall clock at the beginning of its window."""
    key: str
    """What the place that keeps it calls it; in order of arrival for one time."""


class Queue:
    """Keeps bodies of requests, `limit_bytes` of them together; the oldest goes first."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._bodies: dict[Waiting, bytes] = {}
        self._bytes = self._count = 0
        self.crowded_out = 0
        """Requests that went for want of room."""

    def __len__(self) -> int:
        return len(self._bodies)

    def put(self, time_ns: int, body: bytes) -> Waiting:
        """Keep `body`, as long as there is room."""
        self._count += 1
        waiting = Waiting(time_ns, f"{self._count:012d}")
        self._bodies[waiting] = body
        self._bytes += len(body)
        while self._bytes > self._limit_bytes:
            self.remove(min(self._bodies))
            self.crowded_out += 1
            warn_once(
                "queue-full",
                f"the oldest windows are dropped: those that wait have {self._limit_bytes} bytes",
            )
        return waiting

    def waiting(self) -> list[Waiting]:
        """What there is, oldest first."""
        return sorted(self._bodies)

    def read(self, waiting: Waiting) -> bytes | None:
        """Its body; None if it is there no more."""
        return self._bodies.get(waiting)

    def remove(self, waiting: Waiting) -> None:
        """Forget it, if it is there."""
        self._bytes -= len(self._bodies.pop(waiting, b""))
