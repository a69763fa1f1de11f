# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A program that is profiled and serves its profiles, while the test asks for them."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from types import TracebackType

from tests.support import pprof_reader
from tests.support.pprof_reader import ReadProfile
from tests.support.python import ROOT

WAIT_S = 60

PRELUDE = """
import os, sys, threading, time
import pyroscope_native
def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end: pass
def url(): return pyroscope_native.stats().serve_address
def say(*words): os.write(1, " ".join([*map(str, words), "\\n"]).encode())  # at once
def hear(): return sys.stdin.readline().strip()
class Burning:
    # A thread that runs `work` again and again.
    def __init__(self, work):
        self.work, self.over = work, False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
    def run(self):
        while not self.over: self.work()
    def end(self):
        self.over = True
        self.thread.join()
"""


def free_ports(count: int) -> range:
    """So many that follow each other, free a moment ago."""
    while True:
        first = random.randrange(20000, 30000)
        sockets = [socket.socket() for _ in range(count)]
        try:
            for i, each in enumerate(sockets):
                each.bind(("127.0.0.1", first + i))
            return range(first, first + count)
        except OSError:
            continue
        finally:
            for each in sockets:
                each.close()


class Serving:
    """The program of `code`, which may `burn`, `say` to the test and `hear` from it, from
    `with` to the end of it. It has to say first where it serves; `options` are those of
    `run`, without them it configures itself."""

    def __init__(
        self,
        code: str,
        *,
        cwd: Path,
        options: Sequence[str] | None = None,
        flags: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        words = ["-c", PRELUDE + code]
        if options is not None:
            words = ["-m", "pyroscope_native", "run", *options, *words]
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("PYROSCOPE_")
        }
        environment |= {"PYTHONPATH": str(ROOT), "PYROSCOPE_FUSE": "off", **(env or {})}
        self.process = subprocess.Popen(
            [sys.executable, *flags, *words],
            cwd=cwd,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.errors = ""
        """What was on stderr, after the end."""

    def __enter__(self) -> Serving:
        self.url = self.hear()
        assert self.url, self.process.communicate()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
        _, self.errors = self.process.communicate(timeout=WAIT_S)
        if error is None:
            assert self.process.returncode == 0, self.errors

    def say(self, words: str = "") -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{words}\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def get(
        self, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> HTTPResponse:
        return get(self.url, path, method=method, headers=headers)

    def scrape(self, seconds: float = 1) -> ReadProfile:
        return profile_of(self.get(f"/debug/pprof/profile?seconds={seconds}"))

    def connect(self, sent: bytes = b"") -> socket.socket:
        """A connection over which `sent` has gone."""
        client = _connect(self.url)
        client.sendall(sent)
        return client

    def ask(self, sent: bytes) -> bytes:
        """All that is answered to `sent`."""
        with self.connect(sent) as client:
            return read_all(client)


class _Connection(HTTPConnection):
    def __init__(self, url: str) -> None:
        super().__init__("localhost", timeout=WAIT_S)
        self._url = url

    def connect(self) -> None:
        self.sock = _connect(self._url)


def _connect(url: str) -> socket.socket:
    if url.startswith("unix:"):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(WAIT_S)
        client.connect(url[len("unix:") :])
        return client
    host, _, port = url[len("http://") :].rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), timeout=WAIT_S)


def get(
    url: str, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None
) -> HTTPResponse:
    connection = _Connection(url)
    connection.request(method, path, headers=dict(headers or {}))
    return connection.getresponse()


def profile_of(response: HTTPResponse) -> ReadProfile:
    body = response.read()
    assert response.status == 200, body
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert body[:2] == b"\x1f\x8b"
    return pprof_reader.check(body)


def read_all(client: socket.socket) -> bytes:
    parts = []
    while part := client.recv(65536):
        parts.append(part)
    return b"".join(parts)
