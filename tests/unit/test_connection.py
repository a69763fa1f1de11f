# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Connections, against servers and proxies that say what a test has them say."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from pyroscope_native.deliver.connection import Certificates, Connections
from tests.support.certificates import new_certificate, server_context
from tests.support.push_server import PATH, PushServer
from tests.support.python import python

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
SECRET = "hunter2"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return new_certificate(tmp_path / "certificate.pem", "IP:127.0.0.1")


class Listener:
    """Serves each connection by a function, in a thread."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._serve = serve
        self.port = self._socket.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            with client:
                self._serve(client)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[Listener]:
    listener = Listener(serve)
    try:
        yield listener
    finally:
        listener.close()


def read_request(client: socket.socket) -> bytes:
    """The head of one with a body of 4 bytes, or without one; empty when there is no more."""
    data = b""
    while b"\r\n\r\n" not in data:
        received = client.recv(4096)
        if not received:
            return b""
        data += received
    head, _, body = data.partition(b"\r\n\r\n")
    while b"Content-Length: 4" in head and len(body) < 4:
        body += client.recv(4096)
    return head


def connections(port: int) -> Connections:
    return Connections(urlsplit(f"http://127.0.0.1:{port}"), Certificates())


def post(to: Connections) -> tuple[int, str, bytes]:
    return to.post("/path", b"body", {"A-Header": "value"}, 5.0)


def test_one_that_the_server_has_closed_is_not_used_again() -> None:
    closed = threading.Event()

    def once(client: socket.socket) -> None:
        read_request(client)
        client.sendall(OK)
        client.shutdown(socket.SHUT_RDWR)
        closed.set()

    with listening(once) as server:
        ours = connections(server.port)
        for number in range(1, 4):
            assert post(ours) == (200, "", b"{}")
            assert closed.wait(5)
            closed.clear()
            assert server.connections == number


@pytest.mark.parametrize(
    ("answer", "words", "kept"),
    [
        (OK, b"{}", True),
        (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", b"", True),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            b"{}",
            True,
        ),
        (
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
            b"{}",
            False,
        ),
        (b"HTTP/1.1 500 No\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70000, b"x" * 65536, False),
    ],
)
def test_it_is_kept_where_the_answer_lets_it(answer: bytes, words: bytes, kept: bool) -> None:
    def serve(client: socket.socket) -> None:
        while read_request(client):
            client.sendall(answer)

    with listening(serve) as server:
        ours = connections(server.port)
        assert post(ours)[2] == words
        assert post(ours)[2] == words
        assert server.connections == (1 if kept else 2)
        ours.close()


@pytest.mark.parametrize("answer", [b"", b"HTTP", b"rubbish\r\n\r\n", b"HTTP/1.1 200 OK\r\nX"])
def test_what_is_no_answer_is_an_error_and_the_next_request_another_s(answer: bytes) -> None:
    answers = [answer, OK]

    def serve(client: socket.socket) -> None:
        read_request(client)
        client.sendall(answers.pop(0))

    with listening(serve) as server:
        ours = connections(server.port)
        if not answer.endswith(b"X"):  # of which the status is enough
            with pytest.raises((OSError, HTTPException)):
                post(ours)
        else:
            post(ours)
        assert post(ours) == (200, "", b"{}")
        assert server.connections == 2


@pytest.mark.parametrize("size", [b"-5", b"-1", b"x", b"fffffffffffffff"])
def test_a_status_counts_whatever_comes_with_it(size: bytes) -> None:
    def serve(client: socket.socket) -> None:
        read_request(client)
        client.sendall(
            b"HTTP/1.1 413 Much\r\nTransfer-Encoding: chunked\r\n\r\n" + size + b"\r\n{}"
        )

    with listening(serve) as server:
        assert post(connections(server.port))[0] == 413


def test_an_answer_that_comes_before_the_request_has_gone() -> None:
    def serve(client: socket.socket) -> None:
        client.recv(10)
        client.sendall(b"HTTP/1.1 413 Much\r\nContent-Length: 0\r\n\r\n")
        client.shutdown(socket.SHUT_RD)

    with listening(serve) as server:
        ours = connections(server.port)
        # It is not read, and closing what is not read takes the answer along with it: of a
        # few tries one at least comes before that.
        statuses = []
        for _ in range(20):
            try:
                statuses.append(ours.post("/", bytes(20_000_000), {}, 5.0)[0])
            except ConnectionError:
                continue
        assert set(statuses) == {413}


def test_a_program_that_debugs_http_does_not_see_credentials(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(HTTPConnection, "debuglevel", 1)

    def serve(client: socket.socket) -> None:
        read_request(client)
        client.sendall(OK)

    with listening(serve) as server:
        ours = connections(server.port)
        assert ours.post("/path", b"body", {"Authorization": SECRET}, 5.0)[0] == 200
    assert capsys.readouterr().out == ""


def test_a_dot_ends_a_name_that_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    heads: list[bytes] = []
    names: list[str] = []

    def look_up(host: str, port: int, family: int, kind: int) -> list[Any]:
        names.append(host)
        return [(socket.AF_INET, kind, 0, "", ("127.0.0.1", port))]

    monkeypatch.setattr("pyroscope_native.deliver.connection._socket.getaddrinfo", look_up)

    def serve(client: socket.socket) -> None:
        heads.append(read_request(client))
        client.sendall(OK)

    with listening(serve) as server:
        address = urlsplit(f"http://pyroscope.example.:{server.port}")
        assert post(Connections(address, Certificates()))[0] == 200
        assert f"Host: pyroscope.example:{server.port}".encode() in heads[0]
    assert names == ["pyroscope.example."]


def test_a_handshake_that_is_broken_off_is_told_as_that(certificate: Path) -> None:
    def reset(client: socket.socket) -> None:
        client.recv(10)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with listening(reset) as server:
        address = urlsplit(f"https://127.0.0.1:{server.port}")
        ours = Connections(address, Certificates(ca_file=str(certificate)))
        with pytest.raises(ConnectionResetError):
            post(ours)


def test_without_tls_there_is_plain_http() -> None:
    # As in a CPython that was built where no OpenSSL is.
    program = """
import sys
sys.modules["_ssl"] = None
from urllib.parse import urlsplit
from pyroscope_native.deliver.connection import Certificates, Connections
to = Connections(urlsplit(f"http://127.0.0.1:{sys.argv[1]}"), Certificates())
print(*to.post("/path", b"body", {}, 5.0))
try:
    Connections(urlsplit("https://127.0.0.1"), Certificates())
except OSError as error:
    print(error)
"""

    def serve(client: socket.socket) -> None:
        read_request(client)
        client.sendall(OK)

    with listening(serve) as server:
        done = python("-c", program, str(server.port))
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["200  b'{}'", "this Python has no TLS: it lacks OpenSSL"]


def test_a_header_can_not_bring_another() -> None:
    with listening(lambda client: None) as server, pytest.raises(ValueError, match="header"):
        connections(server.port).post("/", b"body", {"A": "b\r\nEvil: yes"}, 5.0)


@pytest.fixture
def https(certificate: Path) -> Iterator[tuple[PushServer, Path]]:
    with PushServer(tls=server_context(certificate)) as server:
        yield server, certificate


def through(
    monkeypatch: pytest.MonkeyPatch, proxy: Listener, server: PushServer, certificate: Path
) -> Connections:
    monkeypatch.setenv("https_proxy", f"http://me:{SECRET}@127.0.0.1:{proxy.port}")
    return Connections(urlsplit(server.address), Certificates(ca_file=str(certificate)))


def test_a_tunnel_through_a_proxy(
    https: tuple[PushServer, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, certificate = https
    heads: list[bytes] = []

    def relay(client: socket.socket) -> None:
        heads.append(read_request(client))
        with ExitStack() as stack:
            upstream = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            back = threading.Thread(target=copy, args=(upstream, client))
            back.start()
            copy(client, upstream)
            back.join()

    with listening(relay) as proxy:
        ours = through(monkeypatch, proxy, server, certificate)
        for _ in range(2):
            status, _, _ = ours.post(PATH, b"body", {"Content-Type": "application/proto"}, 5.0)
            assert status == 400  # it is no push, but it has come
        ours.close()
        assert proxy.connections == 1
    (head,) = heads
    assert head.startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.".encode())
    assert b"Proxy-Authorization: Basic " in head
    assert server.requests == 2


def copy(source: socket.socket, target: socket.socket) -> None:
    while data := source.recv(65536):
        target.sendall(data)
    with suppress(OSError):  # which the other side may have ended
        target.shutdown(socket.SHUT_WR)


def test_a_proxy_that_refuses_is_told_of(
    https: tuple[PushServer, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, certificate = https

    def refuse(client: socket.socket) -> None:
        read_request(client)
        client.sendall(b"HTTP/1.1 407 Who are you?\r\nContent-Length: 0\r\n\r\n")

    with listening(refuse) as proxy:
        ours = through(monkeypatch, proxy, server, certificate)
        with pytest.raises(OSError, match="407 Who are") as caught:
            post(ours)
        assert SECRET not in str(caught.value)
    assert server.requests == 0
