# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Connections to one server: certificates, proxies, and an end to all waiting."""

from __future__ import annotations

import _socket
import encodings.idna  # noqa: F401  which looking up a name imports, be it amid a fork
import os
import socket
import ssl
import time
from contextvars import ContextVar
from typing import Any
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.util.ssl_ import is_ipaddress

from pyroscope_native.address import split_userinfo
from pyroscope_native.deliver.credentials import basic

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


class _PlainConnection(HTTPConnection):
    def _new_conn(self) -> Any:
        return _connect(self._dns_host, self.port)


class _TLSConnection(HTTPSConnection):
    def _new_conn(self) -> Any:
        return _connect(self._dns_host, self.port or 443)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class Certificates:
    """Whom we trust, and who we are: paths of PEM files, or empty."""

    def __init__(self, ca_file: str = "", cert_file: str = "", key_file: str = "") -> None:
        self._ca_file, self._cert_file, self._key_file = ca_file, cert_file, key_file
        self._stamp: list[tuple[int, int]] = []
        self._context: ssl.SSLContext | None = None

    def context(self, host: str) -> ssl.SSLContext:
        """For connections to `host`, the same until a file has changed: loading the
        system's certificates takes tens of milliseconds. Raises OSError that names the
        setting."""
        stamp = [_stamp(path) for path in (self._ca_file, self._cert_file, self._key_file)]
        if self._context is None or stamp != self._stamp:
            self._context, self._stamp = self._new_context(), stamp
            # Then urllib3 looks whom the certificate is for; before 2.0 it does not say
            # whom it should be for.
            self._context.check_hostname = not is_ipaddress(host)
        return self._context

    def _new_context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self._ca_file or None)
        except (OSError, ValueError) as error:
            raise OSError(f"ca_file {self._ca_file}: {_words(error)}") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.sslsocket_class = _TLSSocket
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
        context = certificates.context(address.hostname or "") if is_tls else None
        self._manager = _manager(address, context)
        self._manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TLSPool}

    def post(
        self, url: str, body: bytes, headers: dict[str, str], timeout_s: float
    ) -> tuple[int, str, bytes]:
        """Return status, Location and the beginning of the answer; a redirect is one. All
        ends within `timeout_s`, but for the look-up of a name. Raises urllib3's HTTPError.
        """
        ending = _until_s.set(time.monotonic() + timeout_s)
        try:
            response = self._manager.request(
                "POST",
                url,
                body=body,
                headers=headers,
                timeout=timeout_s,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            words = _beginning(response)
            return response.status, response.headers.get("Location", ""), words
        finally:
            _until_s.reset(ending)

    def close(self) -> None:
        """A later request opens another."""
        self._manager.clear()


def _beginning(response: Any) -> bytes:
    """Of what comes with an answer. Its end is waited for, so that the connection can be
    kept, but what was answered is known by now."""
    try:
        words: bytes = response.read(_MAX_ANSWER_BYTES)
        if len(words) < _MAX_ANSWER_BYTES and not response.read(1):
            response.release_conn()
            return words
    except (HTTPError, OSError):
        words = b""
    response.close()
    return words


def _manager(address: SplitResult, context: ssl.SSLContext | None) -> urllib3.PoolManager:
    proxies = getproxies()
    proxy_address = proxies.get(address.scheme) or proxies.get("all")
    if not proxy_address or proxy_bypass(address.netloc):
        return urllib3.PoolManager(num_pools=1, ssl_context=context)
    if "://" not in proxy_address:
        proxy_address = f"http://{proxy_address}"
    try:
        proxy, userinfo = split_userinfo(urlsplit(proxy_address))
        headers = {"Proxy-Authorization": f"Basic {basic(userinfo)}"} if userinfo else None
        return urllib3.ProxyManager(
            proxy.geturl(), num_pools=1, proxy_headers=headers, ssl_context=context
        )
    except (ValueError, HTTPError):
        raise ValueError(
            f"the environment's {address.scheme} proxy is no http:// or https:// URL"
        ) from None
