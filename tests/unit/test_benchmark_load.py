# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The load that services are put under: when requests are due, and what counts as latency."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from benchmarks import load

RATE = 200
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"


@contextmanager
def server(answer: Callable[[socket.socket, int], None]) -> Iterator[int]:
    """The port of one that takes a connection and answers each of its requests."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                number = 0
                while connection.recv(1 << 16):
                    answer(connection, number)
                    number += 1

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            thread.join()


def test_a_standstill_counts_for_each_request_that_it_keeps_waiting() -> None:
    all_are_due = threading.Event()
    threading.Timer(10 / RATE, all_are_due.set).start()

    def answer(connection: socket.socket, number: int) -> None:
        all_are_due.wait()
        connection.sendall(ANSWER)

    with server(answer) as port:
        met = load.send(port, 1, load.constant(RATE, 10 / RATE))
    first, *later = met.latencies
    assert len(later) == 9
    for number, latency in enumerate(later, 1):
        # It is answered after the first, and was due so much later.
        assert latency > first - number * 1e9 / RATE
    assert met.elapsed >= first


def test_at_no_rate_a_request_is_due_when_the_last_is_answered() -> None:
    with server(lambda connection, number: connection.sendall(ANSWER)) as port:
        met = load.send(port, 1, load.saturating(0.05))
    assert len(met.latencies) > 1
    assert sum(met.latencies) <= met.elapsed


def test_answers_come_in_pieces() -> None:
    def answer(connection: socket.socket, number: int) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in ANSWER:
            connection.sendall(bytes([byte]))

    with server(answer) as port:
        assert len(load.send(port, 1, load.constant(RATE, 3 / RATE)).latencies) == 3


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n", "500 internal"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "without a length"),
        (b"", "closed"),
    ],
)
def test_what_is_no_success_is_not_measured(answer: bytes, what: str) -> None:
    def fail(connection: socket.socket, number: int) -> None:
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_RDWR)

    with server(fail) as port, pytest.raises(load.ServiceFailed, match=what):
        load.send(port, 1, load.constant(RATE, 1 / RATE))
