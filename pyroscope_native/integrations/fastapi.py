# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""FastAPI: `instrument(app)`."""

from __future__ import annotations

from fastapi import FastAPI

from pyroscope_native.integrations import starlette

try:
    from fastapi.routing import iter_route_contexts as _routes_of
except ImportError:  # where including a router copies its routes
    _routes_of = iter


def instrument(app: FastAPI) -> None:
    """Label the requests to `app` by its routes, as in `/users/{id}`, with the prefixes
    that routers are included with and the paths that applications are mounted at.

    Only middleware that has been added before is labelled too.
    """
    starlette.instrument(app, _routes_of)
