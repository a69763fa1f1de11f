# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Heads of HTTP requests: those that are right are read, others refused in words."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyroscope_native.serve.request import HEAD_LIMIT, Refused, Request, parse_head
from pyroscope_native.serve.routes import parse_seconds

TOKENS = st.text("!#$%&'*+-.^_`|~09azAZ", min_size=1, max_size=20)
VALUES = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=40)
PATHS = st.lists(st.text(st.characters(codec="utf-8"), max_size=10), max_size=5).map(
    lambda parts: "/" + "/".join(parts)
)
QUERIES = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#"), max_size=40
)


@given(
    method=TOKENS,
    origin=st.sampled_from(["", "http://host", "HTTPS://[::1]:6060"]),
    path=PATHS,
    query=QUERIES,
    version=st.sampled_from(["1.0", "1.1"]),
    headers=st.dictionaries(TOKENS, VALUES, max_size=5),
    token=VALUES,
    end=st.sampled_from(["\r\n", "\n"]),
    rest=st.binary(max_size=20),
)
def test_what_was_written_is_read(
    method: str,
    origin: str,
    path: str,
    query: str,
    version: str,
    headers: dict[str, str],
    token: str,
    end: str,
    rest: bytes,
) -> None:
    special = ("authorization", "content-length", "transfer-encoding")
    headers = {name: value for name, value in headers.items() if name.lower() not in special}
    target = origin + quote(path) + (f"?{query}" if query else "")
    lines = [f"{method} {target} HTTP/{version}", f"AUTHORIZATION: {token}"]
    lines += [f"{name}:{value}" for name, value in headers.items()]
    head = "".join(line + end for line in [*lines, ""]).encode("latin-1")
    value = token.strip(" \t").encode("latin-1")
    assert parse_head(head + rest) == Request(method, path, query, value)
    for size in range(len(head)):
        assert parse_head(head[:size]) is None


@given(st.binary(max_size=300) | st.binary(max_size=100).map(lambda tail: b"GET / HTTP/1.1" + tail))
def test_anything_is_read_refused_or_waited_for(data: bytes) -> None:
    for received in (data, data + b"\r\n\r\n"):
        try:
            request = parse_head(received)
        except Refused as refused:
            request, status = None, refused.status
        else:
            status = 400
        assert 400 <= status <= 505
        assert request is None or request.method


@given(st.integers(0, HEAD_LIMIT * 3))
def test_a_head_has_a_limit(size: int) -> None:
    long = b"GET / HTTP/1.1\r\nX: ".ljust(size, b"x")
    for received in (long, long + b"\r\n\r\n"):
        if len(long) > HEAD_LIMIT:
            with pytest.raises(Refused, match="8192"):
                parse_head(received)
        else:
            parse_head(received)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1 \r\n\r\n", 400),
        (b"GET /a b HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: 1\r\n folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA : 1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: \x00\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\n", 505),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nContent-Length: 0\r\ncontent-length: 5\r\n\r\n", 413),
    ],
)
def test_what_is_refused(head: bytes, status: int) -> None:
    with pytest.raises(Refused) as refusal:
        parse_head(head)
    assert refusal.value.status == status


@given(st.floats(1, 600))
def test_seconds_may_be_a_fraction(seconds: float) -> None:
    text = f"{seconds:.3f}"
    assert parse_seconds(f"debug=0&seconds={text}&x=%20") == float(text)


def test_without_seconds_it_is_as_in_go() -> None:
    assert parse_seconds("") == parse_seconds("debug=1") == 30


@given(
    st.sampled_from(["", "0", "0.999", "601", "-1", "nan", "inf", "1e2", "0x10", "%D9%A3", "1_0"])
    | st.text(max_size=5).map(quote).filter(lambda text: not text[:1].isdigit())
)
def test_other_seconds_are_refused(text: str) -> None:
    with pytest.raises(Refused, match="seconds must be a number from 1 to 600"):
        parse_seconds(f"seconds={text}")
