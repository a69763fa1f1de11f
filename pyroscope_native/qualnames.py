# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Qualified names for interpreters that do not keep them in code objects.

Before CPython 3.11 a code object knows a method as `run`, not as
`Worker.run`. The name is found by looking for the function where it lives: in
the module of its file, in that module's classes, and in the constants of the
code around it. What cannot be found there keeps its plain name.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from pyroscope_native.model import Function

_CO_NEWLOCALS = 2
"""Flag of the code of functions, not of that of class bodies."""

_AGAIN_S = 5.0
_REMEMBERED = 10_000

_Place = tuple[int, str]
"""First line and plain name: what tells functions of one file apart."""
_NONE: dict[_Place, str] = {}


_members_of: Any = vars(type)["__dict__"].__get__
"""`vars` for classes that have their own idea of it."""


class QualnameFinder:
    """Finds qualified names; remembers what it found.

    A file is looked through once, and again for functions that come up `_AGAIN_S` later:
    it may have been loaded, or have defined them, since.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._found: dict[Function, str] = {}
        self._by_file: dict[str, tuple[float, dict[_Place, str]]] = {}

    def find(self, function: Function) -> str:
        """The qualified name of `function`, or the name that it has."""
        found = self._found.get(function)
        if found is None:
            if len(self._found) == _REMEMBERED:  # of a program that makes ever new ones
                self._found.clear()
            found = self._found[function] = self._look_for(function)
        return found

    def _look_for(self, function: Function) -> str:
        if function.name == "<module>":
            return function.name
        place = function.start_line, function.name
        looked_s, names = self._by_file.get(function.filename, (-_AGAIN_S, _NONE))
        if place not in names and self._now_s() - looked_s >= _AGAIN_S:
            names = _names_in(function.filename)
            self._by_file[function.filename] = self._now_s(), names
        return names.get(place, function.name)


def _names_in(filename: str) -> dict[_Place, str]:
    names: dict[_Place, str] = {}
    for module in list(sys.modules.values()):
        if isinstance(module, ModuleType):
            contents = object.__getattribute__(module, "__dict__")
            # None: when a script has ended, __main__ no longer says where it is from.
            if contents.get("__file__") in (filename, None):
                for code, qualname in _functions_of(list(contents.values()), filename, set()):
                    _add(names, code, qualname)
    return names


def _functions_of(
    values: list[Any], filename: str, seen: set[int]
) -> Iterator[tuple[CodeType, str]]:
    """Functions written in a file, from those that a namespace holds.

    Looks at nothing that runs the program's own code.
    """
    for value in values:
        if id(value) in seen:
            continue
        seen.add(id(value))
        if issubclass(type(value), type):
            members = _members_of(value)
            yield from _functions_of(list(members.values()), filename, seen)
        elif type(value) is FunctionType:
            if value.__code__.co_filename == filename:
                yield value.__code__, value.__qualname__
            yield from _functions_of([value.__dict__.get("__wrapped__")], filename, seen)
        elif type(value) in (staticmethod, classmethod):
            yield from _functions_of([value.__func__], filename, seen)
        elif type(value) is property:
            yield from _functions_of([value.fget, value.fset, value.fdel], filename, seen)


def _add(names: dict[_Place, str], code: CodeType, qualname: str) -> None:
    names.setdefault((code.co_firstlineno, code.co_name), qualname)
    inside = f"{qualname}.<locals>" if code.co_flags & _CO_NEWLOCALS else qualname
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            _add(names, constant, f"{inside}.{constant.co_name}")
