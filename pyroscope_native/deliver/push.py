# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The straight path to a Pyroscope server: one profile, one request.

Speaks `push.v1.PusherService/Push` as a Connect unary call. A request holds a
single series: the server may store half of a larger one, and it never
deduplicates, so whoever retries could not tell what to send again.
"""

from __future__ import annotations

import base64
import gzip
import json
import platform
import re
import sys
from collections.abc import Mapping
from traceback import clear_frames
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError

from pyroscope_native.address import parse_address, split_userinfo
from pyroscope_native.messages import message_classes
from pyroscope_native.model import Profile
from pyroscope_native.pprof import MAX_STACK_FRAMES, encode, limit_depth, valid_text

RETRYABLE_STATUSES = frozenset({408, 409, 499, 500, 502, 503, 504})
"""Answers that may differ next time; 429 is one of them for a small profile."""

BURST_BYTES = 2_000_000
"""The server refuses a larger profile with 429 each time, uncompressed."""

_MESSAGES = message_classes(
    "pyroscope_native.push",
    {
        "PushRequest": {"series": (1, "RawProfileSeries*")},
        "RawProfileSeries": {"labels": (1, "LabelPair*"), "samples": (2, "RawSample*")},
        "LabelPair": {"name": (1, "string"), "value": (2, "string")},
        "RawSample": {"raw_profile": (1, "bytes")},
    },
)
_push_request = _MESSAGES["PushRequest"]


def series_labels(service_name: str, tags: Mapping[str, str], version: str) -> dict[str, str]:
    """Return the labels of a series: what it is, the user's tags, who made it.

    A tag may replace what we say about the runtime and about ourselves, but
    not what the series is. A tag without a value is left out.
    """
    series = {"__name__": "process_cpu", "__delta__": "false", "service_name": service_name}
    user = {name: tags[name] for name in sorted(tags) if tags[name]}
    origin = {
        "otel.scope.name": "pyroscope_native",
        "otel.scope.version": version,
        "process.runtime.name": sys.implementation.name,
        "process.runtime.version": platform.python_version(),
    }
    return {**series, **user, **origin, **user, **series}  # first place, last value


def distributed(series: Mapping[str, str], profile: Profile) -> tuple[Mapping[str, str], Profile]:
    """Move labels of the series that some sample has a value of its own for to the other
    samples: on the server a series' label would win over a sample's.
    """
    own = {name for labels in {sample.labels for sample in profile.samples} for name, _ in labels}
    shared = {name: series[name] for name in own.intersection(series)}
    if not shared:
        return series, profile
    samples = [
        sample._replace(labels=tuple(sorted({**shared, **dict(sample.labels)}.items())))
        for sample in profile.samples
    ]
    rest = {name: value for name, value in series.items() if name not in shared}
    return rest, profile._replace(samples=samples)


class PushError(Exception):
    """A profile that was not, or not provably, stored. Shows no secrets."""

    def __init__(self, message: str, *, status: int | None, retryable: bool) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status; None where there was no answer."""
        self.retryable = retryable
        """Whether the same profile may be taken later. It may also be stored
        twice then: a lost answer looks like a lost request."""


class Pusher:
    """Sends profiles to one server as one series, over a kept connection.

    `server_address` is an http or https URL, with a path prefix if the server
    has one; a user and password in it do for `basic_auth`. An empty `tenant_id`
    sends none. `http_headers` go with each request, except where they would
    change what we must say ourselves. `version` is ours, for the User-Agent. Proxies are those of
    the environment.

    Raises `ValueError` for what no request could be made of.
    """

    def __init__(
        self,
        *,
        server_address: str,
        labels: Mapping[str, str],
        basic_auth: tuple[str, str] | None,
        tenant_id: str,
        http_headers: Mapping[str, str],
        version: str,
    ) -> None:
        address, userinfo = parse_address(server_address)
        self._address = address.geturl()
        self._url = f"{self._address}/push.v1.PusherService/Push"
        self._labels = {valid_text(name): valid_text(labels[name]) for name in labels}
        basic_auth = basic_auth or userinfo
        self._headers = _request_headers(basic_auth, tenant_id, http_headers, version)
        self._secrets = [value for value in http_headers.values() if value]
        if basic_auth is not None:
            self._secrets += [basic_auth[1] or basic_auth[0], _basic(basic_auth)]
        self._connections = _connections(address)

    def __repr__(self) -> str:
        return f"Pusher({self._address!r})"

    def push(self, profile: Profile, *, timeout_s: float) -> None:
        """Send `profile` and wait until the server has stored it.

        `timeout_s` limits connecting and each wait for an answer. Raises
        `PushError`, which tells whether to try again.
        """
        labels, profile = distributed(self._labels, profile)
        pprof = encode(limit_depth(profile, MAX_STACK_FRAMES))
        response = self._post(_request(labels, pprof), timeout_s)
        if response.status != 200:
            raise self._refusal(response, len(pprof))

    def probe(self, *, timeout_s: float) -> str:
        """Ask the server whether it takes pushes, by one with nothing in it, which
        stores nothing; returns its answer in words. Raises `PushError`.

        Pyroscope finds fault with an empty request (400) when all else is right.
        """
        response = self._post(_push_request().SerializeToString(), timeout_s)
        if response.status not in (200, 400):
            raise self._refusal(response, 0)
        return f"{self._address} takes profiles"

    def _post(self, request: bytes, timeout_s: float) -> urllib3.BaseHTTPResponse:
        try:
            return self._connections.request(
                "POST",
                self._url,
                body=gzip.compress(request, compresslevel=6, mtime=0),
                headers=self._headers,
                timeout=urllib3.Timeout(connect=timeout_s, read=timeout_s),
                retries=False,
                redirect=False,
            )
        except HTTPError as error:
            reason = _reason(error)
            _end_cycles(error)
        raise self._error(reason, status=None, retryable=True)

    def close(self) -> None:
        """Close the kept connection; a later push opens another."""
        self._connections.clear()

    def _refusal(self, response: urllib3.BaseHTTPResponse, size_bytes: int) -> PushError:
        status = response.status
        if 300 <= status < 400:
            return self._error(
                f"{status}, a redirect to {_shown_location(response.headers.get('Location', ''))}; "
                "server_address must be where that leads",
                status=status,
                retryable=False,
            )
        retryable = status in RETRYABLE_STATUSES or (status == 429 and size_bytes < BURST_BYTES)
        words = _server_words(response.data)
        reason = f"{status}, {words}" if words else f"{status}"
        return self._error(reason, status=status, retryable=retryable)

    def _error(self, reason: str, *, status: int | None, retryable: bool) -> PushError:
        for secret in self._secrets:  # a proxy may quote what it was sent
            reason = reason.replace(secret, "***")
        return PushError(f"{self._address}: {reason}", status=status, retryable=retryable)


def _request(labels: Mapping[str, str], pprof: bytes) -> bytes:
    request = _push_request()
    series = request.series.add()
    for name, value in labels.items():
        series.labels.add(name=name, value=value)
    series.samples.add(raw_profile=pprof)
    serialized: bytes = request.SerializeToString()
    return serialized


def _basic(user_and_password: tuple[str, str]) -> str:
    return base64.b64encode(":".join(user_and_password).encode("utf-8", "surrogateescape")).decode()


def _request_headers(
    basic_auth: tuple[str, str] | None,
    tenant_id: str,
    http_headers: Mapping[str, str],
    version: str,
) -> dict[str, str]:
    ours = {"Content-Type": "application/proto", "Content-Encoding": "gzip"}
    if tenant_id:
        ours["X-Scope-OrgID"] = tenant_id
    if basic_auth is not None:
        ours["Authorization"] = f"Basic {_basic(basic_auth)}"
    fixed = {name.lower() for name in ours}
    users = {name: value for name, value in http_headers.items() if name.lower() not in fixed}
    if "user-agent" not in map(str.lower, users):
        ours["User-Agent"] = f"pyroscope_native/{version}"
    headers = {**users, **ours}
    for name, value in headers.items():
        # Found only when sending, it would be http.client that quotes the value.
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise ValueError(f"{name!r} is no name for an HTTP header")
        if not re.fullmatch(r"[\t -~\xa0-\xff]*", value):
            raise ValueError(f"the value of HTTP header {name} has a character that can't be sent")
    return headers


def _connections(address: SplitResult) -> urllib3.PoolManager:
    """Return a pool for `address`, through the environment's proxy if it has one."""
    proxies = getproxies()
    proxy_address = proxies.get(address.scheme) or proxies.get("all")
    if not proxy_address or proxy_bypass(address.netloc):
        return urllib3.PoolManager(num_pools=1, cert_reqs="CERT_REQUIRED")
    if "://" not in proxy_address:
        proxy_address = f"http://{proxy_address}"
    try:
        proxy, userinfo = split_userinfo(urlsplit(proxy_address))
        headers = {"Proxy-Authorization": f"Basic {_basic(userinfo)}"} if userinfo else None
        return urllib3.ProxyManager(
            proxy.geturl(), num_pools=1, proxy_headers=headers, cert_reqs="CERT_REQUIRED"
        )
    except (ValueError, HTTPError):
        raise ValueError(
            f"the environment's {address.scheme} proxy is no http:// or https:// URL"
        ) from None


def _reason(error: BaseException) -> str:
    """Say why there was no answer, without urllib3's wrapping."""
    while isinstance(error, HTTPError) and error.__context__ is not None:
        error = error.__context__
    return _one_line(getattr(error, "strerror", None) or str(error) or type(error).__name__)


def _end_cycles(error: BaseException | None) -> None:
    """Empty the frames that `error` came through, some of which refer to it.

    Else each failure is garbage for the collector, and the next collection, with
    the program's finalizers, is the likelier to be in our thread.
    """
    while error is not None:
        clear_frames(error.__traceback__)
        error = error.__context__


def _server_words(body: bytes) -> str:
    """Return what the answer says, be it Connect's JSON or a proxy's plain text."""
    try:
        answer = json.loads(body)
        words = f"{answer['code']}: {answer['message']}"
    except (ValueError, KeyError, TypeError, RecursionError):
        words = body.decode("utf-8", "replace")
    return "" if words.lstrip().startswith("<") else _one_line(words)


def _shown_location(location: str) -> str:
    """Return host and path of a Location, which may hold tokens elsewhere."""
    try:
        target = urlsplit(location)
    except ValueError:
        return "an unreadable address"
    return _one_line(split_userinfo(target)[0].netloc + target.path) or "nowhere"


def _one_line(text: str) -> str:
    """Return at most 400 printable characters of `text`, of its beginning and its end: a
    server quotes all labels of a series before it says what is wrong with it."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= 400 else f"{line[:150]}…{line[-249:]}"
