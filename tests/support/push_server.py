# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A PusherService on loopback that judges a push as Pyroscope would.

It takes `application/proto` with or without gzip, answers with Connect's JSON
errors, and keeps what it stored. What a real server would let pass but our
client must never do is told apart, in `faults`.
"""

from __future__ import annotations

import gzip
import json
import re
import ssl
import sys
import threading
import time
import zlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Callable

from tests.support import pprof_reader
from tests.support.pprof_reader import ReadProfile

PATH = "/push.v1.PusherService/Push"
MAX_PROFILE_BYTES = 4 * 1024 * 1024
MAX_AGE_NS = 3_600 * 10**9
MAX_AHEAD_NS = 600 * 10**9


@dataclass
class Push:
    """A stored series."""

    labels: dict[str, str]
    profile: ReadProfile
    headers: dict[str, str]
    """By lower-case name."""
    client_port: int
    """Tells connections apart."""


@dataclass
class Answer:
    """What to say to one request instead of judging it."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    after: threading.Event | None = None
    """Say nothing before this is set, or the server is closed."""
    close: bool = False
    """Close the connection without an answer."""
    stores: bool = False
    """Judge and store the request all the same: the answer to it is lost."""
    dribbles: bool = False
    """Say it a byte at a time, until the server is closed or the client has gone."""
    cut: int = 0
    """Close the connection so many bytes before the end of the body."""


class PushServer:
    """Listens from `with` to the end of it.

    `prefix` is a path that the service is mounted under, `burst_bytes` the
    size from which a profile gets a 429, `now_ns` the clock that ages are
    measured by, `tls` what makes it speak https, `multitenancy` whether it wants
    to know a tenant, `port` where to listen, 0 for anywhere.
    """

    def __init__(
        self,
        *,
        prefix: str = "",
        burst_bytes: int = 2 * 1024 * 1024,
        now_ns: Callable[[], int] = time.time_ns,
        tls: ssl.SSLContext | None = None,
        multitenancy: bool = False,
        port: int = 0,
    ) -> None:
        self.prefix = prefix
        self.burst_bytes = burst_bytes
        self.now_ns = now_ns
        self.multitenancy = multitenancy
        self.pushes: list[Push] = []
        """Stored, in the order of arrival."""
        self.requests = 0
        self.faults: list[str] = []
        """What our client must not do even where a server would take it."""
        self.answers: deque[Answer] = deque()
        """Used up one per request before judging begins."""
        self.closing = threading.Event()
        self._http = _HTTPServer(("127.0.0.1", port), _Handler)
        self._http.push_server = self
        self._scheme = "https" if tls else "http"
        if tls:
            self._http.socket = tls.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def address(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}{self.prefix}"

    def __enter__(self) -> PushServer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a kept connection would hold it for ever
    push_server: PushServer

    def handle_error(self, request: object, client_address: object) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):  # a client that went away is none of our faults
            self.push_server.faults.append(f"the server failed: {error!r}")


class _Refusal(Exception):
    """An answer other than 200: HTTP status, Connect code, message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def _invalid(message: str) -> _Refusal:
    return _Refusal(400, "invalid_argument", message)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _HTTPServer

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        service = self.server.push_server
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        service.requests += 1
        answer = service.answers.popleft() if service.answers else None
        if answer is not None and not answer.stores:
            self._say_instead(answer)
            return
        try:
            service.pushes += self._judged(body)
        except _Refusal as refusal:
            words = {"code": refusal.code, "message": refusal.message}
            self._say(refusal.status, json.dumps(words).encode(), "application/json")
        else:
            if answer is not None:
                self._say_instead(answer)
            else:
                self._say(200, b"", "application/proto")

    def do_GET(self) -> None:
        self.server.push_server.requests += 1
        found = self.path == self.server.push_server.prefix + PATH
        self._say(405 if found else 404, b"", "text/plain", {"Allow": "POST"} if found else {})

    do_PUT = do_GET

    def _say_instead(self, answer: Answer) -> None:
        if answer.after is not None:
            while not answer.after.wait(0.01) and not self.server.push_server.closing.is_set():
                pass
        if answer.close:
            self.close_connection = True
            return
        if answer.dribbles:
            self._dribble()
        elif answer.cut:
            length = str(len(answer.body))
            body = answer.body[: -answer.cut]
            self._say(answer.status, body, "application/json", {"Content-Length": length})
            self.close_connection = True
        else:
            self._say(answer.status, answer.body, "application/json", answer.headers)

    def _dribble(self) -> None:
        self.close_connection = True
        try:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while not self.server.push_server.closing.wait(0.01):
                self.wfile.write(b"x")
        except OSError:
            pass

    def _say(
        self, status: int, body: bytes, content_type: str, headers: Mapping[str, str] | None = None
    ) -> None:
        try:
            self.send_response(status)
            for name, value in {
                "Content-Type": content_type,
                "Content-Length": str(len(body)),
                **(headers or {}),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:  # the client gave up waiting
            self.close_connection = True

    def _judged(self, body: bytes) -> list[Push]:
        service = self.server.push_server
        if self.path != service.prefix + PATH:
            raise _Refusal(404, "not_found", f"no route {self.path}")
        tenant = self.headers.get("X-Scope-OrgID", "")
        if service.multitenancy and not tenant:
            raise _Refusal(401, "unauthenticated", "no org id")
        if tenant and not re.fullmatch(r"(?!\.{1,2}$)[0-9A-Za-z!_.*'()-]{1,150}", tenant):
            raise _invalid("the tenant id has a character that can't be, or is too long")
        if self.headers.get("Content-Type") != "application/proto":
            raise _Refusal(415, "unknown", "unsupported content type")
        try:
            series = pprof_reader.fields(self._uncompressed(body)).get(1, [])
        except AssertionError as error:
            raise _invalid(f"unmarshal message: {error}") from error
        if not series:
            raise _invalid("no profiles received")
        if len(series) > 1:
            service.faults.append("more than one series in a request")
        return [push for each in series for push in self._judged_series(_sub(each))]

    def _uncompressed(self, body: bytes) -> bytes:
        encoding = self.headers.get("Content-Encoding", "identity")
        if encoding == "identity":
            return body
        if encoding != "gzip":
            raise _Refusal(501, "unimplemented", f"unknown compression {encoding!r}")
        try:
            return gzip.decompress(body)
        except (OSError, EOFError, zlib.error) as error:
            raise _invalid(f"decompress: {error}") from error

    def _judged_series(self, series: pprof_reader.Fields) -> list[Push]:
        service = self.server.push_server
        pairs = tuple(_label(_sub(each)) for each in series.get(1, []))
        try:
            pprof_reader.check_labels(pairs)
        except AssertionError as error:
            raise _invalid(f"{error}: {dict(pairs)}") from error
        labels = dict(pairs)
        if "__name__" not in labels:
            raise _invalid("no __name__ label")
        if "service_name" not in labels:
            service.faults.append("no service_name label")
        if labels.get("__delta__") != "false":
            service.faults.append("__delta__ is not false")
        samples = series.get(2, [])
        if len(samples) != 1:
            service.faults.append("not exactly one profile in a series")
        return [
            Push(
                labels=labels,
                profile=self._judged_profile(labels, _bytes(_sub(sample), 1)),
                headers={name.lower(): value for name, value in self.headers.items()},
                client_port=self.client_address[1],
            )
            for sample in map(_as_bytes, samples)
        ]

    def _judged_profile(self, labels: dict[str, str], data: bytes) -> ReadProfile:
        service = self.server.push_server
        if data[:2] == b"\x1f\x8b":
            service.faults.append("a compressed profile in a compressed request")
        try:
            profile = pprof_reader.read(data)
        except (AssertionError, OSError, EOFError, zlib.error) as error:
            raise _invalid(f"malformed profile: {error}") from error
        if profile.size_bytes > MAX_PROFILE_BYTES:
            raise _invalid(f"the profile has {profile.size_bytes} bytes, the limit is 4 MiB")
        if len(profile.samples) > pprof_reader.MAX_SAMPLES:
            raise _invalid(f"the profile has {len(profile.samples)} samples, the limit is 16000")
        if any("-" in name for name, _ in profile.sample_types):
            raise _invalid("a sample type's name has a dash")
        self._judge_age(profile.time_ns or 0)
        for sample in profile.samples:
            # What a series is labelled with wins over a sample's label.
            merged = {**dict(sample.labels), **labels}
            try:
                pprof_reader.check_labels(sample.labels)
                pprof_reader.check_labels(tuple(merged.items()))
            except AssertionError as error:
                raise _invalid(f"{error}: {merged}") from error
        label_bytes = sum(len(text.encode()) for label in labels.items() for text in label)
        if profile.size_bytes + label_bytes > service.burst_bytes:
            raise _Refusal(429, "resource_exhausted", "the profile is larger than the burst limit")
        try:
            pprof_reader.check(data)
        except AssertionError as error:
            service.faults.append(str(error))
        return profile

    def _judge_age(self, time_ns: int) -> None:
        age_ns = self.server.push_server.now_ns() - time_ns if time_ns > 0 else 0
        if age_ns > MAX_AGE_NS:
            raise _invalid("the profile is older than an hour")
        if age_ns < -MAX_AHEAD_NS:
            raise _invalid("the profile is more than ten minutes ahead")


def _as_bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise _invalid("unmarshal message: a number where a message belongs")
    return value


def _sub(value: int | bytes) -> pprof_reader.Fields:
    try:
        return pprof_reader.fields(_as_bytes(value))
    except AssertionError as error:
        raise _invalid(f"unmarshal message: {error}") from error


def _bytes(message: pprof_reader.Fields, number: int) -> bytes:
    return _as_bytes(message.get(number, [b""])[-1])


def _label(message: pprof_reader.Fields) -> tuple[str, str]:
    try:
        return _bytes(message, 1).decode(), _bytes(message, 2).decode()
    except UnicodeDecodeError as error:
        raise _invalid("unmarshal message: a label is not UTF-8") from error
