# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""ASGI applications of any framework."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from pyroscope_native.integrations.request import Template, request_scope

_Scope = MutableMapping[str, Any]
_Application = Callable[[_Scope, Callable[..., Any], Callable[..., Any]], Awaitable[None]]


class Middleware:
    """Labels requests and websockets from the first middleware within to the last
    background task.

    `template` is given the ASGI scope; without it there is no `endpoint`. The method
    of a websocket is `WEBSOCKET`.
    """

    def __init__(self, app: _Application, template: Template | None = None) -> None:
        self._app = app
        self._template = template

    async def __call__(
        self, scope: _Scope, receive: Callable[..., Any], send: Callable[..., Any]
    ) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        with request_scope(scope, scope.get("method", "WEBSOCKET"), self._template):
            await self._app(scope, receive, send)
