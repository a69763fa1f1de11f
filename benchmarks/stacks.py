# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A thousand stacks of 30 to 60 frames, such as a service has, and places to stand in them.

The functions are real ones, of twenty modules. Each stack shares its outer frames with the
one before, as those of a call tree do, up to a place that chance has chosen.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from random import Random
from types import ModuleType
from typing import Any

COUNT = 1000
SHALLOWEST, DEEPEST = 30, 60
_MODULES, _FUNCTIONS = 20, 15
_SHARED = 12
"""Frames that all have: a framework's."""
_WORDS = ("load", "check", "render", "query", "encode", "route", "notify", "price", "merge", "plan")
_FUNCTION = """
def {name}(path, at):
    step = path[at]
    if at % 3 == 0:
        return step(path, at + 1)
    if at % 3 == 1:
        return step(path, at + 1)
    return step(path, at + 1)
"""

Path = Sequence[Callable[[Any, int], None]]


def _module(number: int) -> list[Callable[[Any, int], None]]:
    names = [f"{_WORDS[i % len(_WORDS)]}_{i + number * _FUNCTIONS}" for i in range(_FUNCTIONS)]
    source = "".join(_FUNCTION.format(name=name) for name in names)
    module = ModuleType(f"shop.{_WORDS[number % len(_WORDS)]}_{number}")
    module.__file__ = f"/srv/{module.__name__.replace('.', '/')}.py"
    sys.modules[module.__name__] = module  # where names are looked for, before CPython 3.11
    exec(compile(source, module.__file__, "exec"), vars(module))
    return [getattr(module, name) for name in names]


def paths(last: Callable[[], None]) -> list[Path]:
    """The stacks, root first; `last` is called in the innermost frame."""
    random = Random(0)
    functions = [function for number in range(_MODULES) for function in _module(number)]
    stack = functions[:_SHARED]

    def leaf(path: Path, at: int) -> None:
        last()

    found: list[Path] = []
    for number in range(COUNT):
        depth = SHALLOWEST + number % (DEEPEST - SHALLOWEST + 1)
        kept = stack[: random.randint(_SHARED, min(len(stack), depth - 2))]
        stack = kept + random.choices(functions, k=depth - 1 - len(kept))
        found.append((*stack, leaf))
    return found


def stand_in(path: Path) -> None:
    """Call all functions of a stack, each from the one before."""
    path[0](path, 1)
