# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A server of other people's in a process of its own, under load, and what was pushed."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.push_server import PushServer
from tests.support.python import ROOT

WORK_S = 0.02
"""What a request to APP uses, in a function called `work`."""

APP = f"""
import os, time
def work():
    end = time.thread_time() + {WORK_S}
    while time.thread_time() < end: pass
def answer():
    work()
    return str(os.getpid()).encode()
def wsgi(environ, start_response):
    body = answer()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive(); await send({{"type": "lifespan.startup.complete"}})
        await receive(); await send({{"type": "lifespan.shutdown.complete"}})
        return
    body = answer()
    length = (b"content-length", str(len(body)).encode())
    await send({{"type": "http.response.start", "status": 200, "headers": [length]}})
    await send({{"type": "http.response.body", "body": body}})
"""

RUN = (sys.executable, "-m", "pyroscope_native", "run", "--quiet", "--upload-interval", "1")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Service:
    """What listens at a port, and its process."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self._log = log
        self.answers: Counter[str] = Counter()
        """How many requests each process has answered, by its id; or what went wrong."""

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def wait_until_ready(self) -> None:
        until = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self.process.poll() is None, self.log
                assert time.monotonic() < until, self.log
                time.sleep(0.02)

    def _request(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", "/")
            self.answers[connection.getresponse().read().decode()] += 1
        except Exception as error:
            self.answers[repr(error)] += 1
        finally:
            connection.close()

    def load(self, requests: int) -> None:
        """Send so many, four at a time."""

        def send() -> None:
            for _ in range(requests // 4):
                self._request()

        threads = [threading.Thread(target=send) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def end(self, signal_number: int = signal.SIGTERM) -> int:
        """Returns the exit status."""
        self.process.send_signal(signal_number)
        return self.process.wait(40)


@contextmanager
def service(
    words: Sequence[str], directory: Path, environment: dict[str, str] | None = None
) -> Iterator[Service]:
    """What `words` start, in which PORT stands for a free one, with `app.py` beside it."""
    (directory / "app.py").write_text(APP)
    port = free_port()
    log = directory / "log"
    with open(log, "wb") as file:
        process = subprocess.Popen(
            [word.replace("PORT", str(port)) for word in words],
            cwd=directory,
            stdout=file,
            stderr=file,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "PYROSCOPE_FUSE": "off",
                **(environment or {}),
            },
        )
    try:
        started = Service(process, port, log)
        started.wait_until_ready()
        yield started
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def work_s(server: PushServer) -> float:
    """CPU seconds of `work` in what was pushed."""
    return sum(
        sample.values[0] / 1e9
        for push in server.pushes
        for sample in push.profile.samples
        if any(frame.name == "work" for frame in sample.stack)
    )


def assert_all_is_seen(served: Service, server: PushServer, requests: int) -> None:
    """All requests were answered, all that they used was pushed, and nothing was said."""
    assert sum(served.answers.values()) == requests
    assert all(pid.isdecimal() for pid in served.answers), served.answers
    expected = requests * WORK_S
    assert abs(work_s(server) - expected) < 0.1 * expected + 0.05
    assert server.faults == []
    assert "pyroscope_native" not in served.log, served.log
