# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Labels of samples: scopes in the program, and tags of threads.

    with tag_wrapper({"endpoint": "/checkout"}):
        ...

A label belongs to the context (`contextvars`) that the scope is entered in: it
follows a task through its awaits, tasks and threads that are given a copy of the
context have it, and others never do. Beneath it lie the tags of the thread.
"""

from __future__ import annotations

import functools

from pyroscope_native.errors import ConfigError
from pyroscope_native.label_rules import check_tag
from pyroscope_native.log import warn_once
from pyroscope_native.support import reason_unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Mapping
    from typing import Any, TypeVar

    _F = TypeVar("_F", bound=Callable[..., Any])

_PLAIN = 2048
"""The characters of a value that need no look, if they are ASCII: as `check_tag` has it."""
_NAMES_KEPT = 1000


class _Checks:
    """What has been found about labels."""

    names: dict[object, str]
    """By what the program called it: the name of a label, one object for each."""
    replace_periods = False
    refused = 0
    """Labels that could not be."""

    def __init__(self) -> None:
        self.names = {}


_checks = _Checks()


def refused() -> int:
    """How many labels could not be, since the program began."""
    return _checks.refused


def replace_periods(on: bool) -> None:
    """Whether a period in a label's name becomes `_`, or is refused."""
    _checks.replace_periods = on
    _checks.names.clear()


def checked(name: object, value: object) -> tuple[str, str] | None:
    """The label as it can be sent; None, after one log line for each cause, if it
    can't be. Never raises."""
    try:
        text = str.__str__(value) if isinstance(value, str) else str(value)
        text = text.encode("utf-8", "replace").decode()
        known = _checks.names.get(name)
        if known is None:
            known = str(name)
            if _checks.replace_periods:
                known = known.replace(".", "_")
        check_tag(known, text)
    except Exception as error:
        _checks.refused += 1
        shown = error if isinstance(error, ConfigError) else repr(error)
        cause = name if isinstance(name, str) else type(name).__name__
        warn_once(f"label {cause:.100}", f"a label is left out: {shown}")
        return None
    if len(_checks.names) < _NAMES_KEPT:
        _checks.names[name] = known
    return known, text


def checked_tags(tags: Mapping[str, object]) -> tuple[str, ...]:
    """Names and values in turn, of those that can be labels. Never raises."""
    labels: list[str] = []
    try:
        for name, value in tags.items():
            labels += checked(name, value) or ()
    except Exception as error:
        _checks.refused += 1
        warn_once("labels", f"labels are a dictionary from names to values: {error!r}")
    return tuple(labels)


if reason_unsupported() is None:
    from pyroscope_native._core import Scope, set_thread_labels, thread_labels
    from pyroscope_native._core import labels_are_tracked as _is_profiling
else:

    class Scope:  # type: ignore[no-redef]
        """Does nothing: nothing is profiled here."""

        def __init__(self, tags: Mapping[str, object]) -> None:
            self._tags = tags

        def again(self) -> Scope:
            return self  # type: ignore[return-value]

        def __enter__(self) -> None:
            pass

        def __exit__(self, *_: object) -> None:
            pass

        def end(self) -> None:
            pass

    def thread_labels() -> tuple[str, ...]:
        return ()

    def set_thread_labels(labels: tuple[str, ...]) -> None:
        pass

    def _is_profiling() -> bool:
        return False


class tag_wrapper(Scope):
    """Label what a block runs, or each call of a function.

        with tag_wrapper({"tenant": tenant}):
            ...

        @tag_wrapper({"job": "nightly"})
        async def tidy(): ...

    Scopes nest: an inner label stands in place of an outer one of its name.
    Functions may be coroutines, generators or asynchronous generators, whose own
    steps are labelled, and not what their consumer does in between.

    Values that are not str are made so. A label that can't be is left out, logged
    once and counted. When nothing is profiled a scope does nothing.
    """

    __slots__ = ()
    _known_names = _checks.names
    _plain_limit = _PLAIN
    _checked = staticmethod(checked_tags)

    def __call__(self, function: _F) -> _F:
        """Decorate `function`."""
        import inspect  # it takes some milliseconds

        if inspect.iscoroutinefunction(function):
            wrapper = _coroutine_function(self, function)
        elif inspect.isasyncgenfunction(function):
            wrapper = _asynchronous_generator_function(self, function)
        elif inspect.isgeneratorfunction(function):
            wrapper = _generator_function(self, function)
        else:
            wrapper = _function(self, function)
        return functools.wraps(function)(wrapper)  # type: ignore[return-value]


class without_labels(Scope):
    """Hide, in a block, what scopes around it say of some names: the keys of `tags`, whose
    values do not count."""

    __slots__ = ()
    _known_names: dict[object, str] = {}  # noqa: RUF012 - none: each is left to `_checked`
    _plain_limit = 0

    @staticmethod
    def _checked(tags: Mapping[str, object]) -> tuple[str, ...]:
        return tuple(text for name in tags for text in (name, ""))


def _function(scope: Scope, function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **keywords: Any) -> Any:
        with scope.again():
            return function(*args, **keywords)

    return wrapper


def _coroutine_function(scope: Scope, function: Callable[..., Any]) -> Callable[..., Any]:
    async def wrapper(*args: Any, **keywords: Any) -> Any:
        with scope.again():
            return await function(*args, **keywords)

    return wrapper


def _generator_function(scope: Scope, function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **keywords: Any) -> Generator[Any, Any, Any]:
        generator = function(*args, **keywords)
        step, argument = generator.send, None
        while True:
            try:
                with scope.again():
                    item = step(argument)
            except StopIteration as stop:
                return stop.value
            finally:
                argument = None  # an exception would be in a cycle with its traceback
            try:
                step, argument = generator.send, (yield item)
            except GeneratorExit:
                with scope.again():
                    generator.close()
                raise
            except BaseException as error:
                step, argument = generator.throw, error

    return wrapper


def _asynchronous_generator_function(
    scope: Scope, function: Callable[..., Any]
) -> Callable[..., Any]:
    async def wrapper(*args: Any, **keywords: Any) -> AsyncGenerator[Any, Any]:
        generator = function(*args, **keywords)
        step, argument = generator.asend, None
        while True:
            try:
                with scope.again():
                    item = await step(argument)
            except StopAsyncIteration:
                return
            finally:
                argument = None
            try:
                step, argument = generator.asend, (yield item)
            except GeneratorExit:
                with scope.again():
                    await generator.aclose()
                raise
            except BaseException as error:
                step, argument = generator.athrow, error

    return wrapper


def add_thread_tag(key: str, value: str) -> bool:
    """Label the calling thread until `remove_thread_tag` takes the same pair back.

    Of several values for a key the last one added counts; labels of a scope stand in
    front of it. False if nothing is profiled, and the label counts from when it is.
    """
    _change_thread_tag(key, value, add=True)
    return _is_profiling()


def remove_thread_tag(key: str, value: str) -> bool:
    """Take back what `add_thread_tag` has added. False if nothing is profiled."""
    _change_thread_tag(key, value, add=False)
    return _is_profiling()


def _change_thread_tag(key: str, value: str, *, add: bool) -> None:
    label = checked(key, value)
    if label is None:
        return
    former = thread_labels()
    pairs = [pair for pair in zip(former[::2], former[1::2]) if pair != label]
    if add:
        pairs.append(label)
    set_thread_labels(tuple(text for pair in pairs for text in pair))
