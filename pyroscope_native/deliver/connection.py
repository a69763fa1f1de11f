# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Connections to one server: certificates, proxies, and an end to all waiting."""

from __future__ import annotations

import _socket
import encodings.idna  # noqa: F401  which looking up a name imports, be it amid a fork
import os
import socket
import sys
import time
from contextvars import ContextVar
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

from pyroscope_native import _core
from pyroscope_native.address import split_userinfo
from pyroscope_native.deliver.credentials import basic

try:
    import ssl
except ImportError:  # a CPython without OpenSSL
    _has_tls = False
else:
    _has_tls = True

_MAX_ANSWER_BYTES = 65_536
"""Of an answer, what is read: it is words at most."""

_until_s: ContextVar[float] = ContextVar("until_s")
"""When the request that is under way must have ended, by the monotonic clock."""


def _left_s() -> float:
    """Raises TimeoutError when there is nothing left."""
    left_s = _until_s.get() - time.monotonic()
    if left_s <= 0:
        raise socket.timeout("timed out")
    return left_s


class _Limited:
    """A socket whose every operation ends when the request must: its own timeout begins
    anew with each byte that comes.

    Arguments are the base's own, be it the standard library's or gevent's.
    """

    def recv(self, *args: Any, **options: Any) -> Any:
        self.settimeout(_left_s())  # type: ignore[attr-defined]
        return super().recv(*args, **options)  # type: ignore[misc]

    def recv_into(self, *args: Any, **options: Any) -> Any:
        self.settimeout(_left_s())  # type: ignore[attr-defined]
        return super().recv_into(*args, **options)  # type: ignore[misc]

    def send(self, *args: Any, **options: Any) -> Any:
        self.settimeout(_left_s())  # type: ignore[attr-defined]
        return super().send(*args, **options)  # type: ignore[misc]

    def sendall(self, *args: Any, **options: Any) -> Any:
        self.settimeout(_left_s())  # type: ignore[attr-defined]
        return super().sendall(*args, **options)  # type: ignore[misc]


class _Socket(_Limited, socket.socket):
    pass


if _has_tls:

    class _TLSSocket(_Limited, ssl.SSLSocket):
        pass


def _connect(host: str, port: int) -> _Socket:
    """To the first address of `host` that answers, each of which has its share of the time.
    Raises OSError."""
    # The builtin: gevent's would have a thread do it, which at the end can't begin.
    places = _socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
    reason = OSError(f"{host} has no address")
    for number, (family, kind, protocol, _, place) in enumerate(places):
        sock = _Socket(family, kind, protocol)
        try:
            sock.settimeout(_left_s() / (len(places) - number))
            sock.connect(place)
            sock.settimeout(_left_s())
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        except OSError as error:
            sock.close()
            reason = error
    try:
        raise reason
    finally:
        del reason  # which refers to this frame


class _Connection(HTTPConnection):
    """With a socket of ours, over TLS where there is a context."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        super().__init__(_without_dot(host), port)
        self.default_port = 443 if context else 80  # which goes without saying in Host
        self.debuglevel = 0  # a program that has it printed would see our credentials
        self._looked_up = host
        self._context = context

    def connect(self) -> None:
        self.sock = _connect(self._looked_up, self.port)
        server = self.host
        try:
            if self._tunnel_host:  # type: ignore[attr-defined]
                server = self._tunnel_host  # type: ignore[attr-defined]
                self._tunnel()  # type: ignore[attr-defined]
            if self._context is not None:
                self.sock.settimeout(_left_s())
                self.sock = self._context.wrap_socket(self.sock, server_hostname=server)
        except OSError:
            self.close()  # it is not there yet
            raise

    def answer(self, path: str, body: bytes, headers: dict[str, str]) -> HTTPResponse:
        """What the server says to a POST, which it may before it has read all of it."""
        try:
            self.request("POST", path, body, headers)
        except (BrokenPipeError, ConnectionResetError):
            if self.sock is None:  # there is no connection
                raise
        return self.getresponse()

    def close_if_dropped(self) -> None:
        """Where the server has closed a connection that was kept, or says something unasked,
        the next request is to open another."""
        if self.sock is not None and _core.poll([(self.sock.fileno(), _core.POLL_IN)], 0):
            self.close()


def _without_dot(host: str) -> str:
    """As certificates and Host have it: the dot at the end is for the look-up only."""
    return host.rstrip(".")


class Certificates:
    """Whom we trust, and who we are: paths of PEM files, or empty."""

    def __init__(self, ca_file: str = "", cert_file: str = "", key_file: str = "") -> None:
        self._ca_file, self._cert_file, self._key_file = ca_file, cert_file, key_file
        self._stamp: list[tuple[int, int]] = []
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """For connections, the same until a file has changed: loading the
        system's certificates takes tens of milliseconds. Raises OSError that names the
        setting."""
        stamp = [_stamp(path) for path in (self._ca_file, self._cert_file, self._key_file)]
        if self._context is None or stamp != self._stamp:
            self._context, self._stamp = self._new_context(), stamp
        return self._context

    def _new_context(self) -> ssl.SSLContext:
        if not _has_tls:
            raise OSError("this Python has no TLS: it lacks OpenSSL")
        try:
            context = ssl.create_default_context(cafile=self._ca_file or None)
        except (OSError, ValueError) as error:
            raise OSError(f"ca_file {self._ca_file}: {_words(error)}") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.sslsocket_class = _TLSSocket
        context.set_alpn_protocols(["http/1.1"])
        if self._cert_file:
            try:
                # A password would be asked for on the program's terminal.
                context.load_cert_chain(self._cert_file, self._key_file or None, password=_none)
            except (OSError, ValueError) as error:
                raise OSError(f"client_cert_file {self._cert_file}: {_words(error)}") from None
        return context


def _none() -> str:
    return ""


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _stamp(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_ino


class Connections:
    """A kept connection to `address`, through the environment's proxy if it has one."""

    def __init__(self, address: SplitResult, certificates: Certificates) -> None:
        """Raises OSError for certificates, ValueError for a proxy that can't be used."""
        is_tls = address.scheme == "https"
        context = certificates.context() if is_tls else None
        host, port = address.hostname or "", address.port or (443 if is_tls else 80)
        proxy = _proxy(address)
        self._proxy_headers: dict[str, str] = {}
        self._origin = ""
        """What comes before the path in a request: nothing, unless a proxy is to know."""
        if proxy is None:
            self._connection = _Connection(host, port, context)
            return
        self._connection = _Connection(proxy.host, proxy.port, context)
        if is_tls:
            self._connection.set_tunnel(_without_dot(host), port, proxy.headers)
        else:
            self._origin, self._proxy_headers = f"http://{address.netloc}", proxy.headers

    def post(
        self, path: str, body: bytes, headers: dict[str, str], timeout_s: float
    ) -> tuple[int, str, bytes]:
        """Return status, Location and the beginning of the answer; a redirect is one. All
        ends within `timeout_s`, but for the look-up of a name. Raises OSError, or http.client's
        HTTPException.
        """
        ending = _until_s.set(time.monotonic() + timeout_s)
        try:
            self._connection.close_if_dropped()
            headers = {**headers, **self._proxy_headers}
            response = self._connection.answer(self._origin + path, body, headers)
            words = _beginning(response)
            if not response.isclosed():
                self.close()
            return response.status, response.getheader("Location", ""), words
        except BaseException:
            self.close()
            raise
        finally:
            _until_s.reset(ending)

    def close(self) -> None:
        """A later request opens another."""
        self._connection.close()


def _beginning(response: HTTPResponse) -> bytes:
    """Of what comes with an answer. Its end is waited for, so that the connection can be
    kept, but what was answered is known by now."""
    words = bytearray(_MAX_ANSWER_BYTES)
    try:
        count = response.readinto(words)
        response.readinto(bytearray(1))
        return bytes(words[:count])
    except (HTTPException, OSError, ValueError):
        return b""


class _Proxy(NamedTuple):
    host: str
    port: int
    headers: dict[str, str]


def _has_proxies() -> bool:
    """Whether there may be one; the standard library's way of finding it takes 2 MB."""
    return sys.platform == "darwin" or any(name.lower().endswith("_proxy") for name in os.environ)


if _has_proxies():
    import urllib.request  # noqa: F401  here, and not when a fork may be near


def _proxy(address: SplitResult) -> _Proxy | None:
    """Raises ValueError."""
    if not _has_proxies():
        return None
    from urllib.request import getproxies, proxy_bypass

    proxies = getproxies()
    proxy_address = proxies.get(address.scheme) or proxies.get("all")
    if not proxy_address or proxy_bypass(address.netloc):
        return None
    if "://" not in proxy_address:
        proxy_address = f"http://{proxy_address}"
    try:
        proxy, userinfo = split_userinfo(urlsplit(proxy_address))
        if proxy.scheme != "http" or not proxy.hostname:
            raise ValueError
        headers = {"Proxy-Authorization": f"Basic {basic(userinfo)}"} if userinfo else {}
        return _Proxy(proxy.hostname, proxy.port or 80, headers)
    except ValueError:
        raise ValueError(f"the environment's {address.scheme} proxy is no http:// URL") from None
