# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""HTTP answers as bytes. Each is the last one of its connection."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

_REASONS = {
    200: "OK",
    301: "Moved Permanently",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
PPROF = "application/octet-stream"
"""What Alloy wants of a profile."""

_NONE: Mapping[str, str] = MappingProxyType({})


class Answer(NamedTuple):
    """What to say."""

    status: int
    body: bytes | None
    """None: as long as it is not known, which a HEAD has no need of."""
    content_type: str
    headers: Mapping[str, str] = _NONE

    def encoded(self, *, head_only: bool) -> bytes:
        headers = {
            "Content-Type": self.content_type,
            **({"Content-Length": str(len(self.body))} if self.body is not None else {}),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Connection": "close",
            **self.headers,
        }
        lines = [f"HTTP/1.1 {self.status} {_REASONS[self.status]}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode("ascii")
        return head if head_only or self.body is None else head + self.body


def text(status: int, words: str, headers: Mapping[str, str] = _NONE) -> Answer:
    """Plain words."""
    return Answer(status, f"{words}\n".encode(), TEXT, headers)
