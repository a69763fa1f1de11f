# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Requests over keep-alive connections, at a constant rate or as fast as answers come.

    python -m benchmarks.load PORT RATE SECONDS RESULT

At a constant rate a request's latency counts from the time it was due: what waits
because the server, or all connections, are busy has waited for the server. RATE 0
keeps a few connections busy, each with the next request once the last is answered.
What was met is written to the file RESULT.
"""

from __future__ import annotations

import gc
import json
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import NamedTuple, Optional

from benchmarks.services.shop import PATHS

CONNECTIONS = 32
"""At a constant rate; more than are ever needed while the server keeps up."""
BUSY = 8
"""Connections that are kept busy at no rate."""
STALLED_S = 10
"""Without any answer for so long, the server has failed."""

Pace = Callable[[int, int], Optional[int]]
"""When a request is due, by its number and what has passed of the load, both in
nanoseconds since it began; None: no more."""


class ServiceFailed(Exception):
    """A request was not answered, or not with success."""


class Load(NamedTuple):
    """What a load has met."""

    latencies: list[int]
    """Of each request, in nanoseconds, in the order of the answers."""
    elapsed: int
    """From the first request that was due to the last answer, in nanoseconds."""


def constant(rate: int, seconds: float) -> Pace:
    """So many a second, whatever becomes of them."""
    count = int(rate * seconds)

    def due(number: int, passed: int) -> int | None:
        return number * 1_000_000_000 // rate if number < count else None

    return due


def saturating(seconds: float) -> Pace:
    """At once, as long as there is time."""
    end = int(seconds * 1e9)

    def due(number: int, passed: int) -> int | None:
        return passed if passed < end else None

    return due


class _Connection:
    """One request at a time."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), STALLED_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due = 0
        self._received = b""
        self._expected = 0

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, request: bytes, due: int) -> None:
        self.due = due
        self._received, self._expected = b"", 0
        self._socket.sendall(request)

    def is_answered(self) -> bool:
        """Receives what there is.

        Raises:
            ServiceFailed: it is no success, or the connection was closed
        """
        received = self._socket.recv(1 << 16)
        if not received:
            raise ServiceFailed("the connection was closed")
        self._received += received
        if not self._expected:
            head, blank, _ = self._received.partition(b"\r\n\r\n")
            if not blank:
                return False
            self._expected = len(head) + len(blank) + _content_length(head)
        return len(self._received) >= self._expected

    def close(self) -> None:
        self._socket.close()


def _content_length(head: bytes) -> int:
    status, *fields = head.lower().split(b"\r\n")
    if status.split()[1:2] != [b"200"]:
        raise ServiceFailed(status.decode(errors="replace"))
    for field in fields:
        name, _, value = field.partition(b":")
        if name == b"content-length":
            return int(value)
    raise ServiceFailed("an answer without a length")


def send(port: int, connections: int, pace: Pace) -> Load:
    """Send requests when they are due, and wait for all answers.

    Raises:
        ServiceFailed: one was not answered with success
        OSError: there is no server
    """
    requests = cycle([f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for path in PATHS])
    idle = deque(_Connection(port) for _ in range(connections))
    busy: set[_Connection] = set()
    latencies: list[int] = []
    start = time.perf_counter_ns()
    number = passed = 0
    while (due := pace(number, passed)) is not None or busy:
        while idle and due is not None and due <= passed:
            connection = idle.popleft()
            connection.send(next(requests), due)
            busy.add(connection)
            number += 1
            due = pace(number, passed)
        patience = (due - passed) / 1e9 if idle and due is not None else STALLED_S
        answering, _, _ = select.select(busy, [], [], patience)  # poll's is in milliseconds
        passed = time.perf_counter_ns() - start
        if not answering and patience == STALLED_S:
            raise ServiceFailed(f"no answer for {STALLED_S} s")
        for connection in answering:
            if connection.is_answered():
                latencies.append(passed - connection.due)
                busy.remove(connection)
                idle.append(connection)
    for connection in idle:
        connection.close()
    return Load(latencies, passed)


def main() -> None:
    """Send, and write the result."""
    port, rate, seconds, result = sys.argv[1:]
    gc.disable()
    if int(rate):
        load = send(int(port), CONNECTIONS, constant(int(rate), float(seconds)))
    else:
        load = send(int(port), BUSY, saturating(float(seconds)))
    Path(result).write_text(json.dumps(load._asdict()))


if __name__ == "__main__":
    main()
