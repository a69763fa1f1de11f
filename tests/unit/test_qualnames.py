# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Qualified names, found where functions live."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from types import ModuleType

import pytest

from pyroscope_native.model import Function
from pyroscope_native.qualnames import QualnameFinder

FILE = "/nowhere/shop.py"


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def shop() -> Iterator[ModuleType]:
    module = ModuleType("shop_of_test_qualnames")
    module.__file__ = FILE
    sys.modules[module.__name__] = module
    define(
        module,
        """
        class Cart:
            def total(self):
                def price():
                    pass
        """,
    )
    yield module
    del sys.modules[module.__name__]


def define(module: ModuleType, source: str, line: int = 0) -> None:
    code = compile("\n" * line + textwrap.dedent(source), FILE, "exec")
    exec(code, module.__dict__)


def test_methods_and_functions_within(shop: ModuleType) -> None:
    find = QualnameFinder().find
    assert find(Function("total", FILE, 3)) == "Cart.total"
    assert find(Function("price", FILE, 4)) == "Cart.total.<locals>.price"
    assert find(Function("<module>", FILE, 1)) == "<module>"
    assert find(Function("unheard_of", FILE, 99)) == "unheard_of"
    assert find(Function("total", "/nowhere/else.py", 3)) == "total"


def test_what_a_file_defines_later(shop: ModuleType) -> None:
    clock = Clock()
    find = QualnameFinder(clock).find
    assert find(Function("total", FILE, 3)) == "Cart.total"
    define(shop, "class Till:\n    def open(self): pass", line=99)
    assert find(Function("opened", FILE, 100)) == "opened"
    clock.now_s = 60.0
    assert find(Function("open", FILE, 101)) == "Till.open"


def test_a_file_is_looked_through_once_for_all(
    shop: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    names_in = sys.modules["pyroscope_native.qualnames"].__dict__["_names_in"]
    monkeypatch.setattr(
        "pyroscope_native.qualnames._names_in",
        lambda filename: looked.append(filename) or names_in(filename),
    )
    clock = Clock()
    find = QualnameFinder(clock).find
    for window in range(10):
        clock.now_s = 10.0 * window
        for line in range(2, 8):
            find(Function("total", FILE, line))
    assert looked == [FILE]
