# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Clients of all kinds at a program that serves its profiles: good ones have their
answers whatever bad ones do."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.serving import Serving, profile_of, read_all

SERVE = """
from pyroscope_native.serve import connection
connection.READ_S = float(hear())
pyroscope_native.configure(application_name="sh<op", serve_address="0")
burning = Burning(lambda: burn(0.01))
say(url())
hear()
burning.end()
pyroscope_native.shutdown()
say(len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1)
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Serving]:
    yield from serving(tmp_path, read_s=30)


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[Serving]:
    """One that waits half a second for a request."""
    yield from serving(tmp_path, read_s=0.5)


def serving(directory: Path, *, read_s: float) -> Iterator[Serving]:
    program = Serving(SERVE, cwd=directory)
    program.say(str(read_s))
    with program:
        yield program
        program.say()
        assert program.hear() == "1"
    assert program.errors == ""


def status(answer: bytes) -> int:
    version, code, _ = answer.split(b" ", 2)
    assert version == b"HTTP/1.1"
    assert b"\r\nConnection: close\r\n" in answer
    return int(code)


def test_paths_and_methods(program: Serving) -> None:
    page = program.get("/debug/pprof/")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert b"<h1>sh&lt;op</h1>" in page.read()
    moved = program.get("/debug/pprof")
    assert (moved.status, moved.headers["Location"]) == (301, "/debug/pprof/")
    for name in ("allocs", "heap", "goroutine", "block", "mutex"):
        other = program.get(f"/debug/pprof/{name}?debug=1")
        assert other.status == 404
        assert b"CPU is what is profiled: disable " + name.encode() in other.read()
    for path in ("/", "/debug/pprof/cmdline", "/debug/pprof/profile/", "/debug", "/debug/pprof//"):
        assert program.get(path).status == 404
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "get"):
        refused = program.get("/debug/pprof/profile", method=method)
        assert (refused.status, refused.headers["Allow"]) == (405, "GET, HEAD")
    for text in ("0", "601", "x", "", "nan", "1&seconds"):
        asked = program.get(f"/debug/pprof/profile?seconds={text}")
        assert (asked.status, asked.version) == (200 if "&" in text else 400, 11)


def test_head(program: Serving) -> None:
    page = program.get("/debug/pprof/")
    head = program.get("/debug/pprof/", method="HEAD")
    assert head.headers["Content-Length"]
    assert head.headers.keys() == page.headers.keys()
    head = program.get("/debug/pprof/profile?seconds=600", method="HEAD")
    assert (head.status, head.headers["Content-Type"]) == (200, "application/octet-stream")
    for path in ("/debug/pprof/", "/debug/pprof/profile", "/debug/pprof/profile?seconds=x", "/"):
        answer = program.ask(f"HEAD {path} HTTP/1.1\r\n\r\n".encode())
        assert answer.endswith(b"\r\n\r\n")
        assert answer.count(b"\r\n\r\n") == 1


@pytest.mark.parametrize(
    "head",
    [
        "GET /debug/pprof/profile?seconds=1 HTTP/1.0\r\n\r\n",
        "GET /debug/pprof/profile?seconds=1.5 HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n",
        "GET http://x:1/debug/pprof/profile?seconds=1 HTTP/1.1\nHost: x\n\n",
        "GET /%64ebug/pprof/profile?s%65conds=%31 HTTP/1.1\r\n\r\n",
        "\r\nGET /debug/pprof/profile?x=1&seconds=1&seconds=x HTTP/1.1\r\n\r\nGET / HTTP",
    ],
)
def test_requests_of_all_kinds(head: str, program: Serving) -> None:
    with program.connect() as client:
        for part in (head[:10], head[10:]):
            client.sendall(part.encode())
        answer = read_all(client)
    assert status(answer) == 200
    body = answer.partition(b"\r\n\r\n")[2]
    assert f"\r\nContent-Length: {len(body)}\r\n".encode() in answer
    assert body[:2] == b"\x1f\x8b"


def test_bad_requests_are_answered_in_words(program: Serving) -> None:
    assert status(program.ask(b"nonsense\r\n\r\n")) == 400
    assert status(program.ask(b"\x16\x03\x01\n\n")) == 400
    assert status(program.ask(b"GET / HTTP/2.0\r\n\r\n")) == 505
    assert status(program.ask(b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello")) == 413
    # All of it is sent before the answer is read: that must not be lost for it.
    assert status(program.ask(b"GET / HTTP/1.1\r\n" + b"x" * 300_000)) == 431


def test_garbage_harms_nobody(program: Serving) -> None:
    rng = random.Random(1)
    for _ in range(200):
        data = rng.randbytes(rng.randrange(1, 3000)) + b"\r\n\r\n"
        assert status(program.ask(data)) in (400, 505)
    program.scrape(1)


def test_slow_clients_are_parted_from(impatient: Serving) -> None:
    slow = [impatient.connect(b"GET /") for _ in range(30)]
    silent = [impatient.connect() for _ in range(30)]
    impatient.scrape(1)
    for client in slow + silent:
        assert client.recv(10) == b""
        client.close()


def test_a_client_that_drips_has_no_more_time(impatient: Serving) -> None:
    with impatient.connect() as client:
        client.settimeout(0.1)
        for _ in range(100):
            try:
                client.sendall(b"x")
                ended = client.recv(10) == b""
            except TimeoutError:
                continue
            except OSError:
                ended = True
            assert ended
            return
    raise AssertionError("it was waited for")


def test_too_many_clients_are_told(program: Serving) -> None:
    clients = [program.connect(b"GET /") for _ in range(64)]
    refused = program.get("/debug/pprof/")
    assert refused.status == 503
    assert b"64 clients are here already" in refused.read()
    more = [program.connect() for _ in range(100)]
    for client in clients + more:
        client.close()
    while program.get("/debug/pprof/").status == 503:
        pass
    program.scrape(1)


def test_clients_that_reset_and_those_that_have_half_gone(program: Serving) -> None:
    request = b"GET /debug/pprof/profile?seconds=1 HTTP/1.1\r\n\r\n"
    for _ in range(10):
        client = program.connect(request)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        half = program.connect(request)
        half.shutdown(socket.SHUT_WR)
        assert read_all(half) == b""
        half.close()
    program.scrape(1)


def test_who_does_not_read_holds_up_nobody(program: Serving) -> None:
    with program.connect(b"GET /debug/pprof/profile?seconds=1 HTTP/1.1\r\n\r\n"):
        profile_of(program.get("/debug/pprof/profile?seconds=2"))
        assert program.get("/debug/pprof/").status == 200


def test_requests_ahead_of_time_are_not_taken(program: Serving) -> None:
    two = b"GET /debug/pprof/profile?seconds=1 HTTP/1.1\r\n\r\n"
    with program.connect(two) as client:
        for _ in range(100):
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        answer = read_all(client)
    assert status(answer) == 200
    assert answer.count(b"HTTP/1.1 ") == 1
