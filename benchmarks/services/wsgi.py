# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The shop in threads, served by waitress."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.services import Scope, shop

_Environ = dict[str, Any]
_Application = Callable[[_Environ, Callable[..., Any]], Iterable[bytes]]
_THREADS = 8


def application(environ: _Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """WSGI's."""
    time.sleep(shop.WAIT_S)
    body = shop.answer(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def labelled(application: _Application, scope: Scope) -> _Application:
    """With the endpoint."""

    def labelling(environ: _Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        with scope({"endpoint": environ["PATH_INFO"]}):
            return application(environ, start_response)

    return labelling


def serve(application: _Application, listener: socket.socket) -> None:
    """By waitress, with more threads than are ever at work."""
    from waitress import create_server  # type: ignore[import-untyped,unused-ignore]

    logging.getLogger("waitress").setLevel(logging.ERROR)  # it warns of each request that waits
    create_server(application, sockets=[listener], threads=_THREADS).run()
