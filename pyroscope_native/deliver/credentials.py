# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Who we say that we are: the headers of a request."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping

from pyroscope_native.log import warn_once

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t -~\xa0-\xff]*")


class TokenError(Exception):
    """There is no token to send yet."""


class Credentials:
    """What goes with each request.

    A token wins over a user and password, and one in a file over one that was given;
    headers of the user's go along where they would not change what is said by the rest.

    Raises `ValueError`, which quotes no value, for what can't be sent.
    """

    def __init__(
        self,
        *,
        basic_auth: tuple[str, str] | None = None,
        bearer_token: str = "",
        bearer_token_file: str = "",
        tenant_id: str = "",
        http_headers: Mapping[str, str] | None = None,
        version: str,
    ) -> None:
        self._token_file, self._file_token = bearer_token_file, ""
        self._users = dict(http_headers or {})
        self._secrets = [value for value in self._users.values() if value]
        self._ours = {"Content-Type": "application/proto", "Content-Encoding": "gzip"}
        if tenant_id:
            self._ours["X-Scope-OrgID"] = tenant_id
        self._user = ""
        if bearer_token:
            self._ours["Authorization"] = f"Bearer {bearer_token}"
            self._secrets.append(bearer_token)
        elif basic_auth is not None and not bearer_token_file:
            self._user = basic_auth[0]
            self._ours["Authorization"] = f"Basic {basic(basic_auth)}"
            self._secrets += [basic_auth[1] or basic_auth[0], basic(basic_auth)]
        if "user-agent" not in map(str.lower, self._users):
            self._ours["User-Agent"] = f"pyroscope_native/{version}"
        self._merged({})

    def headers(self) -> dict[str, str]:
        """What to send now: the file is read anew. Raises TokenError where it has never
        had a token."""
        if not self._token_file:
            return self._merged({})
        self._read_token()
        if not self._file_token:
            raise TokenError(f"there is no token in {self._token_file}")
        return self._merged({"Authorization": f"Bearer {self._file_token}"})

    def hide(self, text: str) -> str:
        """Return `text`, which may be quoted from what we have sent, without secrets."""
        for secret in (*self._secrets, self._file_token):
            text = text.replace(secret, "***") if secret else text
        return text

    def destination(self, address: str) -> str:
        """16 hex digits for whom `address` would take what is sent for: tenant and user.
        A token changes in the course of time, and does not count."""
        headers = {name.lower(): value for name, value in self._merged({}).items()}
        whom = "\n".join((address, headers.get("x-scope-orgid", ""), self._user))
        return hashlib.sha256(whom.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    def _read_token(self) -> None:
        try:
            with open(self._token_file, encoding="latin-1") as file:
                token = file.read().strip()
        except OSError as error:
            warn_once("token", f"the token can't be read: {self._token_file}: {error.strerror}")
            return
        if token and _VALUE.fullmatch(token):  # else it is being written just now
            self._file_token = token

    def _merged(self, others: Mapping[str, str]) -> dict[str, str]:
        ours = {**self._ours, **others}
        fixed = {name.lower() for name in ours}
        users = {name: self._users[name] for name in self._users if name.lower() not in fixed}
        headers = {**users, **ours}
        for name, value in headers.items():
            # Found only when sending, it would be http.client that quotes the value.
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name for an HTTP header")
            if not _VALUE.fullmatch(value):
                raise ValueError(
                    f"the value of HTTP header {name} has a character that can't be sent"
                )
        return headers


def basic(user_and_password: tuple[str, str]) -> str:
    """As the header Authorization has it."""
    return base64.b64encode(":".join(user_and_password).encode("utf-8", "surrogateescape")).decode()
