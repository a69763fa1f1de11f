# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Server addresses: checked, and never shown with what may be a secret."""

# No postponed annotations here: see config.py.

import re
from typing import NamedTuple, Optional
from urllib.parse import SplitResult, unquote, urlsplit

from pyroscope_native.errors import ConfigError

_SERVE_ADDRESS = (
    r"((\[(?P<bracketed>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[\w.-]*)):)?"
    r"(?P<first>[0-9]{1,5})(-(?P<last>[0-9]{1,5}))?"
)


def parse_address(address: str) -> tuple[SplitResult, Optional[tuple[str, str]]]:
    """Return an http or https URL without userinfo and trailing slashes, and the
    userinfo as (user, password).

    Raises `ConfigError`, which never quotes the address: it may hold a password.
    """

    def fault(what: str) -> ConfigError:
        return ConfigError(f"server address {what}; it should look like http://localhost:4040")

    if re.search(r"[\s\x00-\x1f\x7f]", address):
        raise fault("has a space or a control character in it")
    try:
        url, userinfo = split_userinfo(urlsplit(address))
        host, _ = url.hostname, url.port
    except ValueError:
        raise fault("is not a URL, or its port is no port number") from None
    if url.scheme not in ("http", "https"):
        raise fault("does not begin with http:// or https://")
    if not host:
        raise fault("names no host")
    if url.query or url.fragment:
        raise fault("has a query or fragment, where only a path may follow the host")
    return url._replace(path=url.path.rstrip("/")), userinfo


def split_userinfo(url: SplitResult) -> tuple[SplitResult, Optional[tuple[str, str]]]:
    """Return `url` without its userinfo, and that as (user, password)."""
    userinfo, at, host = url.netloc.rpartition("@")
    if not at:
        return url, None
    user, _, password = userinfo.partition(":")
    return url._replace(netloc=host), (unquote(user), unquote(password))


class ServeAddress(NamedTuple):
    """Where to listen: a port of a host, or a socket in the file system."""

    host: str
    """A name or an IP address; empty with a `path`."""
    first_port: int
    """0: any port that is free."""
    last_port: int
    """Up to this one the ports are tried in turn."""
    path: str
    """Of a Unix socket, where `{pid}` stands for the process's id; else empty."""


def parse_serve_address(text: str) -> ServeAddress:
    """[HOST:]PORT, [HOST:]FIRST-LAST or unix:PATH; without a host, loopback.

    Raises `ConfigError`.
    """
    if text.startswith("unix:") and len(text) > len("unix:") and "\0" not in text:
        return ServeAddress("", 0, 0, text[len("unix:") :])
    parts = re.fullmatch(_SERVE_ADDRESS, text)
    if parts is not None:
        host = parts["bracketed"] or parts["host"] or "127.0.0.1"
        first = int(parts["first"])
        last = int(parts["last"] or first)
        if first <= last <= 65535 and (first > 0 or last == 0):
            return ServeAddress(host, first, last, "")
    raise ConfigError(
        f"the address to serve at is [HOST:]PORT, [HOST:]FIRST-LAST or unix:PATH, not {text}"
    )
