# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Django: `"pyroscope_native.integrations.django.Middleware"`, first in MIDDLEWARE."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import resolve
from django.utils.decorators import sync_and_async_middleware

from pyroscope_native.integrations.request import request_scope
from pyroscope_native.labels import tag_wrapper


@sync_and_async_middleware
def Middleware(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Labels requests by the routes of the URLconf, as in `/users/<int:id>/`, whether
    they are handled by WSGI or ASGI."""
    if iscoroutinefunction(get_response):

        async def handle_async(request: HttpRequest) -> HttpResponseBase:
            scope = request_scope(request, request.method, _template)
            with scope:
                return _labelled(await get_response(request), scope)

        return handle_async

    def handle(request: HttpRequest) -> HttpResponseBase:
        scope = request_scope(request, request.method, _template)
        with scope:
            return _labelled(get_response(request), scope)

    return handle


def _template(request: HttpRequest) -> str:
    found = resolve(request.path_info, getattr(request, "urlconf", None))
    return f"/{found.route}"


def _labelled(response: HttpResponseBase, scope: tag_wrapper) -> HttpResponseBase:
    # Servers send a file themselves.
    if response.streaming and getattr(response, "file_to_stream", None) is None:
        content = response.streaming_content
        stream = _stream_async if response.is_async else _stream
        response.streaming_content = scope(stream)(content)
    return response


def _stream(content: Any) -> Any:
    yield from content


async def _stream_async(content: Any) -> Any:
    async for chunk in content:
        yield chunk
