# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The labels of a request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyroscope_native.labels import tag_wrapper

Template = Callable[[Any], "str | None"]
"""Gives the route that a request will take, as it is written in the program and never
empty; None, or any exception, if there is none."""

_METHODS = frozenset(
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "WEBSOCKET")
)


class _Endpoint:
    """The route of a request, looked up only if somebody asks: while profiling is on."""

    def __init__(self, request: Any, template: Template) -> None:
        self._request = request
        self._template = template

    def __str__(self) -> str:
        try:
            return self._template(self._request) or "[unmatched]"
        except Exception:  # the framework will meet it too, and knows what to answer
            return "[unmatched]"


def request_scope(request: Any, method: str | None, template: Template | None) -> tag_wrapper:
    """The scope of all that is done for `request`, as `template` takes it."""
    labels: dict[str, object] = {"method": method if method in _METHODS else "[other]"}
    if template is not None:
        labels["endpoint"] = _Endpoint(request, template)
    return tag_wrapper(labels)
