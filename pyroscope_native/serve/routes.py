# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What there is to be had at which path."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qs

from pyroscope_native.config import Config
from pyroscope_native.figures import Stats
from pyroscope_native.serve import index
from pyroscope_native.serve.answer import HTML, PPROF, Answer, text
from pyroscope_native.serve.request import Refused, Request

_DEFAULT_S = 30.0
"""As in Go."""
_LONGEST_S = 600.0

_BASE = "/debug/pprof"
_OTHERS = ("allocs", "heap", "goroutine", "threadcreate", "block", "mutex", "trace")
"""What Go has there besides, and Alloy may ask for."""


class Routes:
    """Finds the answer to a request."""

    def __init__(self, config: Config, stats: Callable[[], Stats]) -> None:
        self._config, self._stats = config, stats
        self._token = config.serve_token.encode()

    def answer(self, request: Request) -> Answer | float:
        """An answer, or for how many seconds to record for it."""
        if not self._is_allowed(request):
            words = "this wants the header Authorization: Bearer TOKEN, with the right one"
            return text(401, words, {"WWW-Authenticate": "Bearer"})
        if request.method not in ("GET", "HEAD"):
            return text(405, "GET is all that can be done here", {"Allow": "GET, HEAD"})
        if request.path == f"{_BASE}/profile":
            return self._profile(request)
        if request.path == f"{_BASE}/":
            return Answer(200, index.render(self._config, self._stats()), HTML)
        if request.path == _BASE:
            return text(301, f"see {_BASE}/", {"Location": f"{_BASE}/"})
        base, _, name = request.path.rpartition("/")
        if base == _BASE and name in _OTHERS:
            words = f"CPU is what is profiled: disable {name} in who asks (in Alloy, its block)"
            return text(404, words)
        return text(404, f"there is nothing here; see {_BASE}/")

    def _is_allowed(self, request: Request) -> bool:
        if not self._token:
            return True
        from hmac import compare_digest

        scheme, _, token = request.authorization.partition(b" ")
        right = compare_digest(token.strip(), self._token)
        return right and scheme.lower() == b"bearer"

    def _profile(self, request: Request) -> Answer | float:
        try:
            seconds = parse_seconds(request.query)
        except Refused as refused:
            return text(refused.status, refused.words)
        if not self._stats().running:
            return text(503, "profiling has ended here: something else has taken SIGPROF")
        if request.method == "HEAD":
            return Answer(200, None, PPROF)
        return seconds


def parse_seconds(query: str) -> float:
    """For how long to record. Raises Refused."""
    try:
        given = parse_qs(query, keep_blank_values=True).get("seconds")
    except ValueError:
        raise Refused(400, "the query is malformed") from None
    if given is None:
        return _DEFAULT_S
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", given[0]):
        seconds = float(given[0])
        if 1 <= seconds <= _LONGEST_S:
            return seconds
    raise Refused(400, f"seconds must be a number from 1 to {_LONGEST_S:.0f}")
