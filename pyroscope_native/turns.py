# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Work on many things that leaves the program its turns.

While a thread of ours runs Python no other can, and the interpreter asks for the GIL only
when somebody has waited for 5 ms: so what goes through all samples of a profile gives way
by itself, every 200 µs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

try:
    from pyroscope_native._core import give_way
except ImportError:  # an interpreter that can't be profiled, where profiles can be read

    def give_way() -> None:
        """There are no threads of ours."""


_T = TypeVar("_T")

_ITEMS = 16
"""A look at the clock is worth so many, of some microseconds each."""


def in_turns(items: Iterable[_T]) -> Iterator[_T]:
    """Those `items`, one after the other."""
    for number, item in enumerate(items):
        if number % _ITEMS == 0:
            give_way()
        yield item
