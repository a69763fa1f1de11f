# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The shop in tasks, served by uvicorn on asyncio's own loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from benchmarks.services import Scope, shop

_Scope = MutableMapping[str, Any]
_Application = Callable[[_Scope, Callable[..., Any], Callable[..., Any]], Awaitable[None]]


async def application(
    scope: _Scope, receive: Callable[..., Awaitable[Any]], send: Callable[..., Awaitable[Any]]
) -> None:
    """ASGI's."""
    await asyncio.sleep(shop.WAIT_S)
    body = shop.answer(scope["path"])
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


def labelled(application: _Application, scope: Scope) -> _Application:
    """With the endpoint."""
    enter = scope

    async def labelling(
        scope: _Scope, receive: Callable[..., Any], send: Callable[..., Any]
    ) -> None:
        with enter({"endpoint": scope["path"]}):
            await application(scope, receive, send)

    return labelling


def serve(application: _Application, listener: socket.socket) -> None:
    """Without what uvicorn takes where it finds it, so that all environments are alike."""
    import uvicorn

    config = uvicorn.Config(
        application,
        loop="asyncio",
        http="h11",
        lifespan="off",
        access_log=False,
        log_level="error",
    )
    uvicorn.Server(config).run([listener])
