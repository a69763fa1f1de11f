# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""WSGI applications of any framework."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pyroscope_native.integrations.request import Template, request_scope
from pyroscope_native.labels import tag_wrapper

_Environ = dict[str, Any]
_Application = Callable[[_Environ, Callable[..., Any]], Iterable[bytes]]


class Middleware:
    """Labels requests: the application's call, each step of its response, and the end.

    `template` is given the WSGI environment; without it there is no `endpoint`.
    """

    def __init__(self, app: _Application, template: Template | None = None) -> None:
        self._app = app
        self._template = template

    def __call__(self, environ: _Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        scope = request_scope(environ, environ.get("REQUEST_METHOD"), self._template)
        with scope:
            body = self._app(environ, start_response)
            # Servers ask a list for its length, and send a file themselves.
            if isinstance(body, (list, tuple)) or _is_file(body, environ):
                return body
            return _Body(body, scope)


def _is_file(body: Iterable[bytes], environ: _Environ) -> bool:
    wrapper = environ.get("wsgi.file_wrapper")
    return isinstance(wrapper, type) and isinstance(body, wrapper)


class _Body:
    """A response whose steps are labelled, and not what the server does in between."""

    def __init__(self, body: Iterable[bytes], scope: tag_wrapper) -> None:
        self._body = body
        self._chunks = iter(body)
        self._scope = scope

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with self._scope:
            return next(self._chunks)

    def close(self) -> None:
        close = getattr(self._body, "close", None)
        if close is not None:
            with self._scope:
                close()
