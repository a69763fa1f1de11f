# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Server addresses: checked, and never shown with what may be a secret."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, unquote, urlsplit

from pyroscope_native.errors import ConfigError


def parse_address(address: str) -> tuple[SplitResult, tuple[str, str] | None]:
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


def split_userinfo(url: SplitResult) -> tuple[SplitResult, tuple[str, str] | None]:
    """Return `url` without its userinfo, and that as (user, password)."""
    userinfo, at, host = url.netloc.rpartition("@")
    if not at:
        return url, None
    user, _, password = userinfo.partition(":")
    return url._replace(netloc=host), (unquote(user), unquote(password))
