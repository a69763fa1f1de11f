# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Reads the heads of HTTP/1 requests; bodies there are none."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

HEAD_LIMIT = 8192
"""Bytes that a head may have."""

_END = re.compile(rb"\r?\n\r?\n")
_LINE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP/([0-9])\.[0-9]")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")
_ORIGIN = re.compile(r"https?://[^/?#]+", re.IGNORECASE)


class Refused(Exception):
    """A request that can't be answered as it wants: an HTTP status and words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words


class Request(NamedTuple):
    """What of a request counts."""

    method: str
    path: str
    """Decoded."""
    query: str
    """As it came."""
    authorization: bytes
    """The header's value; empty without one."""


def parse_head(received: bytes) -> Request | None:
    """The request that `received` begins with; None if there has to come more.

    Raises Refused.
    """
    # An empty line ahead of a request is to be overlooked.
    head = received.lstrip(b"\r\n")
    end = _END.search(head)
    if (end.start() if end is not None else len(received)) > HEAD_LIMIT:
        raise Refused(431, f"the head of a request may have {HEAD_LIMIT} bytes")
    if end is None:
        return None
    line, *rest = re.split("\r?\n", head[: end.start()].decode("latin-1"))
    parts = _LINE.fullmatch(line)
    if parts is None:
        raise Refused(400, "not a request: METHOD TARGET HTTP/1.1 is how one begins")
    method, target, major = parts.groups()
    if major != "1":
        raise Refused(505, "HTTP/1.1 is spoken here")
    headers = _headers(rest)
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        raise Refused(413, "no request has a body here")
    path, _, query = _ORIGIN.sub("", target, count=1).partition("?")
    authorization = headers.get("authorization", "").encode("latin-1")
    return Request(method, unquote(path) or "/", query, authorization)


def _headers(lines: list[str]) -> dict[str, str]:
    """By name in lower case; those that are there several times joined, as they may be."""
    headers: dict[str, str] = {}
    for line in lines:
        parts = _HEADER.fullmatch(line)
        if parts is None:
            raise Refused(400, "a header is malformed")
        name, value = parts[1].lower(), parts[2]
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
