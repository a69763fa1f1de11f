# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The straight path to a Pyroscope server: one request.

Speaks `push.v1.PusherService/Push` as a Connect unary call.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import quote, urlsplit

from pyroscope_native.address import parse_address, split_userinfo
from pyroscope_native.config import Config
from pyroscope_native.deliver.connection import Certificates, Connections
from pyroscope_native.deliver.credentials import Credentials, TokenError
from pyroscope_native.deliver.request import empty_body
from pyroscope_native.version import VERSION

RETRYABLE_STATUSES = frozenset({408, 409, 429, 499, 500, 502, 503, 504})
"""Answers that may differ next time. 429 is one of them because no profile of ours is
larger than what a server takes at once (`limits`)."""


class PushError(Exception):
    """A request that was not, or not provably, stored. Shows no secrets."""

    def __init__(self, message: str, *, status: int | None, retryable: bool) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status; None where there was no answer."""
        self.retryable = retryable
        """Whether the same request may be taken later. It may also be stored
        twice then: a lost answer looks like a lost request."""


class Pusher:
    """Sends requests to one server, over a connection that is kept until `close`.

    `server_address` is an http or https URL, with a path prefix if the server
    has one; a user and password in it do for `basic_auth`. An empty `tenant_id`
    sends none. `version` is ours, for the User-Agent. Proxies are those of the
    environment. What is in files is read again for each connection.

    Raises `ValueError` for what no request could be made of.
    """

    def __init__(
        self,
        *,
        server_address: str,
        basic_auth: tuple[str, str] | None = None,
        bearer_token: str = "",
        bearer_token_file: str = "",
        tenant_id: str = "",
        http_headers: Mapping[str, str] | None = None,
        ca_file: str = "",
        client_cert_file: str = "",
        client_key_file: str = "",
        version: str,
    ) -> None:
        self._split_address, userinfo = parse_address(server_address)
        self._address = self._split_address.geturl()
        prefix = quote(self._split_address.path, safe="/%:@!$&'()*+,;=~")
        self._path = f"{prefix}/push.v1.PusherService/Push"
        self._credentials = Credentials(
            basic_auth=basic_auth or userinfo,
            bearer_token=bearer_token,
            bearer_token_file=bearer_token_file,
            tenant_id=tenant_id,
            http_headers=http_headers,
            version=version,
        )
        self._certificates = Certificates(ca_file, client_cert_file, client_key_file)
        self._open: tuple[Connections, dict[str, str]] | None = None

    @classmethod
    def configured(cls, config: Config) -> Pusher:
        """To the configuration's server, as it says."""
        assert config.server_address is not None
        return cls(
            server_address=config.server_address,
            basic_auth=config.basic_auth,
            bearer_token=config.bearer_token,
            bearer_token_file=config.bearer_token_file,
            tenant_id=config.tenant_id,
            http_headers=config.http_headers,
            ca_file=config.ca_file,
            client_cert_file=config.client_cert_file,
            client_key_file=config.client_key_file,
            version=VERSION,
        )

    def __repr__(self) -> str:
        return f"Pusher({self._address!r})"

    @property
    def destination(self) -> str:
        """16 hex digits that tell servers, tenants and users apart."""
        return self._credentials.destination(self._address)

    def send(self, body: bytes, *, timeout_s: float) -> None:
        """Send the gzipped request `body` and wait until the server has stored it.

        `timeout_s` limits connecting, sending and the answer together. Raises
        `PushError`, which tells whether to try again.
        """
        status, location, answer = self._post(body, timeout_s)
        if status != 200:
            raise self._refusal(status, location, answer)

    def probe(self, *, timeout_s: float) -> str:
        """Ask the server whether it takes pushes, by one with nothing in it, which
        stores nothing; returns its answer in words. Raises `PushError`.

        Pyroscope finds fault with an empty request (400) when all else is right.
        """
        status, location, answer = self._post(empty_body(), timeout_s)
        if status not in (200, 400):
            raise self._refusal(status, location, answer)
        return f"{self._address} takes profiles"

    def _post(self, body: bytes, timeout_s: float) -> tuple[int, str, bytes]:
        connections, headers = self._opened()
        try:
            return connections.post(self._path, body, headers, timeout_s)
        except Exception as error:  # of whatever stands in for sockets, too
            reason = _reason(error)
            _end_cycles(error)
        raise self._error(reason, status=None, retryable=True)

    def _opened(self) -> tuple[Connections, dict[str, str]]:
        if self._open is None:
            try:
                connections = Connections(self._split_address, self._certificates)
                self._open = connections, self._credentials.headers()
            except (OSError, TokenError, ValueError) as error:
                reason = f"nothing can be pushed: {_one_line(str(error))}"
                raise self._error(reason, status=None, retryable=True) from None
        return self._open

    def close(self) -> None:
        """Close the kept connection; a later request opens another."""
        if self._open is not None:
            self._open[0].close()
            self._open = None

    def _refusal(self, status: int, location: str, answer: bytes) -> PushError:
        if 300 <= status < 400:
            return self._error(
                f"{status}, a redirect to {_shown_location(location)}; "
                "server_address must be where that leads",
                status=status,
                retryable=False,
            )
        words = _server_words(answer)
        reason = f"{status}, {words}" if words else f"{status}"
        return self._error(reason, status=status, retryable=status in RETRYABLE_STATUSES)

    def _error(self, reason: str, *, status: int | None, retryable: bool) -> PushError:
        reason = self._credentials.hide(reason)  # a proxy may quote what it was sent
        return PushError(f"{self._address}: {reason}", status=status, retryable=retryable)


def _reason(error: BaseException) -> str:
    """Say why there was no answer."""
    return _one_line(getattr(error, "strerror", None) or str(error) or type(error).__name__)


def _end_cycles(error: BaseException | None) -> None:
    """Empty the frames that `error` came through, some of which refer to it.

    As `traceback.clear_frames` does it, whose module is not worth loading for that. Else
    each failure is garbage for the collector, and the next collection, with
    the program's finalizers, is the likelier to be in our thread.
    """
    while error is not None:
        trace = error.__traceback__
        while trace is not None:
            with suppress(RuntimeError):  # of those that run
                trace.tb_frame.clear()
            trace = trace.tb_next
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
