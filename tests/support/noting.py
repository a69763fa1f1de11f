# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""For programs under test: note what CPU time is used, by the label that it should have."""

from __future__ import annotations

import atexit
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from http.client import HTTPConnection
from pathlib import Path

import pyroscope_native

EXPECT = "X-Expect"
"""The header that tells a middleware which label the request should have."""

_notes: list[tuple[str, float]] = []


def burn(expected: str, seconds: float = 0.008) -> None:
    """Use CPU time that should have the label `expected`."""
    began = time.thread_time()
    while time.thread_time() < began + seconds:
        sum(range(500))
    _notes.append((expected, time.thread_time() - began))


def write_notes() -> None:
    """Leave a file for this process, where the test looks for it."""
    used: Counter[str] = Counter()
    for expected, seconds in _notes:
        used[expected] += seconds
    stats = pyroscope_native.stats()
    seen = (stats.samples, stats.seen_ns) if stats is not None else (0, 0)
    Path(os.environ["NOTES"], f"{os.getpid()}.notes").write_text(json.dumps((used, seen)))


atexit.register(write_notes)


def request_all(port: int, requests: Sequence[tuple[str, str, str]], rounds: int = 8) -> None:
    """Send `requests`, of (method, path, expected label), `rounds` times in each of four
    threads. Answers don't matter."""

    def client(first: int) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        for i in range(first, first + rounds * len(requests)):
            method, path, expected = requests[i % len(requests)]
            connection.request(method, path, headers={EXPECT: expected})
            connection.getresponse().read()
        connection.close()

    threads = [threading.Thread(target=client, args=(2 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def serve_asgi(app: object, requests: Sequence[tuple[str, str, str]], rounds: int = 8) -> None:
    """Serve `app` in this thread while `requests` are sent from others."""
    import asyncio
    import socket

    import uvicorn

    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="critical", root_path="/prefix")
    server = uvicorn.Server(config)

    def send() -> None:
        request_all(listener.getsockname()[1], requests, rounds)
        server.should_exit = True

    sender = threading.Thread(target=send)
    sender.start()
    asyncio.run(server.serve(sockets=[listener]))
    sender.join()


def serve_wsgi(
    app: Callable[..., object], requests: Sequence[tuple[str, str, str]], rounds: int = 8
) -> None:
    """Serve `app` with a thread for each connection while `requests` are sent."""
    from socketserver import ThreadingMixIn
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

    class Server(ThreadingMixIn, WSGIServer):
        daemon_threads = False

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with make_server("127.0.0.1", 0, app, Server, Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        request_all(server.server_port, requests, rounds)
        server.shutdown()
        thread.join()
