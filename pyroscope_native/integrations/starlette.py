# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Starlette: `instrument(app)`. For FastAPI see `fastapi`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Match

from pyroscope_native.integrations.asgi import Middleware

_Routes = Iterable[BaseRoute]


def instrument(app: Starlette, routes_of: Callable[[_Routes], _Routes] = iter) -> None:
    """Label the requests to `app` by its routes, as in `/users/{id}`, with the path that
    an application is mounted at before them.

    Only middleware that has been added before is labelled too. `routes_of` gives the
    routes that a sequence of them stands for.
    """

    def template(scope: Mapping[str, Any]) -> str | None:
        return _template(app.routes, dict(scope), routes_of)

    app.add_middleware(Middleware, template=template)


def _template(
    routes: _Routes, scope: dict[str, Any], routes_of: Callable[[_Routes], _Routes]
) -> str | None:
    """The route that `scope` would take through `routes`."""
    partial = None
    for route in routes_of(routes):
        match, changes = route.matches(scope)
        if match is Match.NONE:
            continue
        path = getattr(route, "path", "")  # a host has none
        inner = getattr(route, "routes", None)
        if inner:
            rest = _template(inner, {**scope, **changes}, routes_of)
            found = None if rest is None else path + rest
        else:
            found = path or "/"
        if match is Match.FULL:
            return found
        partial = partial or found  # another method's
    return partial
