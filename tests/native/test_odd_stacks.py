# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Stacks that are not made by plain calls are whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.profiled import profiled, weight_by_function


def assert_whole(program: str, tmp_path: Path, *wanted: str) -> None:
    weights = weight_by_function(profiled(program, tmp_path))
    assert "[torn stack]" not in weights
    for name in wanted:
        assert any(found.endswith(name) for found in weights), (name, weights)


def test_exceptions_thrown_into_delegating_generators(tmp_path: Path) -> None:
    assert_whole(
        """
        def inner():
            try: yield 1
            except KeyError: burn(0.5)
            yield 2
        def outer(): yield from inner()
        generator = outer(); next(generator); generator.throw(KeyError())
        """,
        tmp_path,
        "inner",
        "outer",
    )


def test_tasks_that_work_while_they_are_cancelled(tmp_path: Path) -> None:
    assert_whole(
        """
        import asyncio
        async def inner():
            try: await asyncio.sleep(10)
            except asyncio.CancelledError: burn(0.5)
        async def outer(): await inner()
        async def main():
            task = asyncio.ensure_future(outer())
            await asyncio.sleep(0)
            task.cancel()
            await task
        asyncio.run(main())
        """,
        tmp_path,
        "inner",
        "outer",
    )


def test_callbacks_from_c(tmp_path: Path) -> None:
    assert_whole(
        """
        import ctypes, functools, sqlite3
        def by_key(x): burn(0.1); return x
        def callback(x): burn(0.3); return x
        sorted([1, 2], key=by_key)
        ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(callback)(1)
        database = sqlite3.connect(":memory:")
        def in_sql(x): burn(0.3); return x
        database.create_function("in_sql", 1, in_sql)
        database.execute("select in_sql(1)").fetchall()
        """,
        tmp_path,
        "by_key",
        "callback",
        "in_sql",
    )


def test_greenlets(tmp_path: Path) -> None:
    pytest.importorskip("greenlet")
    assert_whole(
        """
        import greenlet
        def first():
            burn(0.2); second_greenlet.switch(); burn(0.2)
        def second():
            burn(0.2); first_greenlet.switch()
        first_greenlet, second_greenlet = greenlet.greenlet(first), greenlet.greenlet(second)
        first_greenlet.switch()
        """,
        tmp_path,
        "first",
        "second",
    )
