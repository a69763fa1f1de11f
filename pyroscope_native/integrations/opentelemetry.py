# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""From a trace to the profile of its spans, for programs that use OpenTelemetry.

    provider = TracerProvider()
    provider.add_span_processor(SpanProcessor())

The first span of a trace in a process is *profiled*: CPU samples bear its ids while
code runs in it or in a span that belongs to it, until it ends.

What code runs in is for OpenTelemetry's context to say, and not the same as what has
been started: a span may be started and never be current, be current in several
threads or tasks, end in another one, out of turn, or never. So labels go by the
context. `opentelemetry.context` leaves it to one object what `attach` and `detach` do;
`_SpanFollower` stands in front of that one, and enters scopes where what is attached
has another profiled span than what was there. OpenTelemetry's own way to choose that
object is a variable of the environment, to be set before its first import.

Who is given a copy of the `contextvars` context, a task or a thread, has the labels
with it as it has the current span; but not for longer than the profiled span lasts.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

from pyroscope_native.labels import tag_wrapper, without_labels
from pyroscope_native.log import warn_once

try:
    from opentelemetry import context as runtime
    from opentelemetry import trace
    from opentelemetry.context.context import Context, _RuntimeContext
    from opentelemetry.sdk import trace as sdk
except ImportError as error:
    raise ImportError(
        "pyroscope_native.integrations.opentelemetry needs OpenTelemetry's SDK: "
        "pip install opentelemetry-sdk"
    ) from error

PROFILE_ID = "pyroscope.profile.id"
"""The attribute of a span that Grafana finds its profile by."""

_F = TypeVar("_F", bound=Callable[..., Any])


def _logged(function: _F) -> _F:
    """Log an error once and return None, instead of raising it into the program."""

    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        try:
            return function(*args)
        except Exception as error:
            warn_once("opentelemetry", f"samples may lack labels of spans: {error!r}")
            return None

    return wrapper  # type: ignore[return-value]


class _ProfiledSpan:
    def __init__(self, span: sdk.Span, *, with_name: bool) -> None:
        self.ids = span.get_span_context()
        tags = {
            "span_id": trace.format_span_id(self.ids.span_id),
            "trace_id": trace.format_trace_id(self.ids.trace_id),
        }
        if with_name:
            tags["span_name"] = span.name
        self.scope = tag_wrapper(tags)


_spans: WeakValueDictionary[int, trace.Span] = WeakValueDictionary()
"""Spans by id. At its end a processor is given a copy of a span."""
_profiled: WeakKeyDictionary[trace.Span, _ProfiledSpan] = WeakKeyDictionary()
"""The profiled span that each of them belongs to."""


class SpanProcessor(sdk.SpanProcessor):
    """Mark profiled spans with `pyroscope.profile.id`, and label samples with `span_id`
    and `trace_id`.

    A span is profiled if it is sampled and has no parent in this process.

    all_spans: all sampled spans are profiled; a sample bears the id of the innermost.
    span_name: label samples with `span_name`, too: what the profiled span was called
        when it started. On a server each name makes a series.
    """

    def __init__(self, *, all_spans: bool = False, span_name: bool = False) -> None:
        self._all_spans = all_spans
        self._span_name = span_name
        self._is_shut_down = False
        _follow_current_span()

    def on_start(self, span: sdk.Span, parent_context: Context | None = None) -> None:
        self._start(span)

    @_logged
    def _start(self, span: sdk.Span) -> None:
        ids = span.get_span_context()
        if self._is_shut_down or not ids.trace_flags.sampled:
            return
        parent = span.parent
        if self._all_spans or parent is None or parent.is_remote:
            profiled: _ProfiledSpan | None = _ProfiledSpan(span, with_name=self._span_name)
            span.set_attribute(PROFILE_ID, trace.format_span_id(ids.span_id))
        else:
            profiled = _profiled_of(_spans.get(parent.span_id))
        if profiled is not None:
            _note(span, profiled)

    @_logged
    def on_end(self, span: sdk.ReadableSpan) -> None:
        span_id = span.context.span_id
        profiled = _profiled_of(_spans.get(span_id))
        if profiled is not None and profiled.ids.span_id == span_id:
            profiled.scope.end()

    def shutdown(self) -> None:
        """Spans that start from now on are not profiled."""
        self._is_shut_down = True

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """True: nothing waits to be sent."""
        return True


def _note(span: trace.Span, profiled: _ProfiledSpan) -> None:
    _profiled[span] = profiled
    _spans.setdefault(span.get_span_context().span_id, span)


def _profiled_of(span: trace.Span | None) -> _ProfiledSpan | None:
    return _profiled.get(span) if span is not None else None


# ---- OpenTelemetry's context ----


_Scope = AbstractContextManager[Any]

_no_span = without_labels({"span_id": "", "trace_id": "", "span_name": ""})


class _Token:
    """What `attach` returns where it has entered scopes; otherwise it is `inner`."""

    def __init__(self, inner: Any, scopes: list[_Scope]) -> None:
        self.inner = inner
        self.scopes = scopes


@_logged
def _enter(former: Context, context: Context) -> list[_Scope]:
    """Enter scopes, unless the same span is profiled in both: one that hides the former
    span, even when the new one has ended, and that of the new one."""
    outer = _profiled_of(trace.get_current_span(former))
    span = trace.get_current_span(context)
    profiled = _profiled_of(span)
    if profiled is None and outer is not None and _is_unsampled_part(span, outer):
        profiled = outer
        _note(span, outer)
    scopes: list[_Scope] = []
    if profiled is not outer:
        if outer is not None:
            scopes.append(_no_span.again())
        if profiled is not None:
            scopes.append(profiled.scope)
    for scope in scopes:
        scope.__enter__()
    return scopes


@_logged
def _leave(token: _Token) -> None:
    while token.scopes:
        token.scopes.pop().__exit__(None, None, None)


def _is_unsampled_part(span: trace.Span, profiled: _ProfiledSpan) -> bool:
    """No processor is told of spans that a sampler has left out of a trace."""
    ids = span.get_span_context()
    return ids.trace_id == profiled.ids.trace_id and not ids.is_remote


class _SpanFollower(_RuntimeContext):
    """Does what `inner` does, and keeps samples labelled with the current span."""

    def __init__(self, inner: _RuntimeContext) -> None:
        self._inner = inner

    def attach(self, context: Context) -> Any:
        former = self._inner.get_current()
        token = self._inner.attach(context)
        scopes = _enter(former, context)
        return _Token(token, scopes) if scopes else token

    def get_current(self) -> Context:
        return self._inner.get_current()

    def detach(self, token: Any) -> None:
        if isinstance(token, _Token):
            _leave(token)
            token = token.inner
        self._inner.detach(token)


@_logged
def _follow_current_span() -> None:
    runtime.get_current()  # older versions find their object on first use
    inner = runtime._RUNTIME_CONTEXT
    if not isinstance(inner, _SpanFollower):
        runtime._RUNTIME_CONTEXT = _SpanFollower(inner)
