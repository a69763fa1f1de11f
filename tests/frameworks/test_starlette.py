# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Which endpoints Starlette and plain ASGI applications are labelled with."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pyroscope_native.integrations.asgi import Middleware
from tests.support.scopes import recorded_scopes


def call(app: Any, kind: str, **scope: Any) -> None:
    """One request, whose client says nothing more and goes away."""

    async def receive() -> dict[str, Any]:
        start = {"http": "http.request", "websocket": "websocket.connect"}
        return {"type": start.get(kind, "lifespan.startup")}

    async def send(_: dict[str, Any]) -> None:
        pass

    given = {"type": kind, "headers": [], "query_string": b"", "root_path": "", **scope}
    asyncio.run(app(given, receive, send))


def test_other_protocols_pass_through() -> None:
    async def app(scope: Any, *_: object) -> None:
        seen.append((scope["type"], scopes.current))

    seen: list[Any] = []
    with recorded_scopes() as scopes:
        for kind in ("lifespan", "http", "websocket", "invented"):
            call(Middleware(app), kind, **({"method": "GET"} if kind == "http" else {}))
    assert seen == [
        ("lifespan", None),
        ("http", {"method": "GET"}),
        ("websocket", {"method": "WEBSOCKET"}),
        ("invented", None),
    ]


@pytest.fixture(scope="module")
def app() -> Any:
    pytest.importorskip("starlette")
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Host, Mount, Route, Router, WebSocketRoute

    from pyroscope_native.integrations.starlette import instrument

    async def answer(request: Any) -> Response:
        return Response("")

    async def opaque(scope: Any, receive: Any, send: Any) -> None:
        await Response("")(scope, receive, send)

    async def talk(socket: Any) -> None:
        await socket.accept()
        await socket.close()

    inner = Starlette(
        routes=[Route("/{name}", answer), Mount("/deep", routes=[Route("/", answer)])]
    )
    app = Starlette(
        routes=[
            Route("/", answer),
            Route("/items/{item:int}", answer, methods=["PUT"]),
            Route("/items/{item:int}", answer, methods=["GET"]),
            WebSocketRoute("/items/{item:int}", talk),
            Mount("/inner/{tenant}", inner),
            Mount("/opaque", opaque),
            Host("api.example.org", Router([Route("/v1/{thing}", answer)])),
        ]
    )
    instrument(app)
    return app


@pytest.mark.parametrize(
    ("method", "path", "endpoint"),
    [
        ("GET", "/", "/"),
        ("GET", "/items/17", "/items/{item:int}"),
        ("PUT", "/items/17", "/items/{item:int}"),
        ("PATCH", "/items/17", "/items/{item:int}"),
        ("GET", "/items/x", "[unmatched]"),
        ("GET", "/items/17/", "[unmatched]"),
        ("GET", "/inner/x/y", "/inner/{tenant}/{name}"),
        ("GET", "/inner/x/deep/", "/inner/{tenant}/deep/"),
        ("GET", "/inner/x/deep/er", "[unmatched]"),
        ("GET", "/opaque/a/b", "/opaque"),
        ("GET", "/v1/x", "[unmatched]"),
    ],
)
def test_endpoints(app: Any, method: str, path: str, endpoint: str) -> None:
    with recorded_scopes() as scopes:
        call(app, "http", method=method, path=path)
        call(app, "http", method=method, path=f"/root{path}", root_path="/root")
    assert scopes.entered == [{"method": method, "endpoint": endpoint}] * 2


def test_endpoint_of_a_host(app: Any) -> None:
    with recorded_scopes() as scopes:
        call(app, "http", method="GET", path="/v1/x", headers=[(b"host", b"api.example.org")])
    assert scopes.entered == [{"method": "GET", "endpoint": "/v1/{thing}"}]


def test_endpoint_of_a_websocket(app: Any) -> None:
    with recorded_scopes() as scopes:
        call(app, "websocket", path="/items/17")
    assert scopes.entered == [{"method": "WEBSOCKET", "endpoint": "/items/{item:int}"}]
