# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A workload made of what has broken profilers, whose call graph is known.

Each function says who may call it; `impossible_pairs` holds a profile against
that. A stack put together from two moments shows as a pair that cannot be.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import ctypes
import gc
import sqlite3
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from pyroscope_native import add_thread_tag, remove_thread_tag, tag_wrapper

CALLERS: dict[str, set[str]] = {}
"""Who may call a function of this file, by plain name; "*" is code elsewhere."""


def called_by(*callers: str) -> Callable[[Any], Any]:
    """Declare the callers of a function."""

    def declare(function: Any) -> Any:
        CALLERS[function.__name__] = set(callers)
        return function

    return declare


@called_by("run_all")
def recursion_to_the_limit() -> None:
    with contextlib.suppress(RecursionError):
        recurse(0)


@called_by("recursion_to_the_limit", "recurse")
def recurse(depth: int) -> int:
    return recurse(depth + 1) + 1


@called_by("run_all")
def callbacks_from_c() -> None:
    sorted(range(50), key=negate)
    list(map(add_one, range(50)))
    list(filter(add_one, range(50)))
    max(range(50), key=negate)
    min((5, 2, 8), key=lambda_like)


@called_by("callbacks_from_c")
def negate(value: int) -> int:
    return -value


@called_by("callbacks_from_c")
def add_one(value: int) -> int:
    return value + 1


@called_by("callbacks_from_c")
def lambda_like(value: int) -> int:
    return nested_callback(value)


@called_by("lambda_like")
def nested_callback(value: int) -> int:
    return sum(map(deepest_callback, range(3))) + value


@called_by("nested_callback")
def deepest_callback(value: int) -> int:
    return value


@called_by("run_all")
def generators() -> None:
    for _ in outer_generator(20):
        consume(1)
    unfinished = outer_generator(5)
    next(unfinished)
    unfinished.close()


@called_by("generators", "outer_generator")
def outer_generator(count: int) -> Iterator[int]:
    yield from inner_generator(count)
    yield from sorted(inner_generator(count), key=generator_key)


@called_by("outer_generator")
def generator_key(value: int) -> int:
    return value


@called_by("outer_generator", "generators")
def inner_generator(count: int) -> Iterator[int]:
    for i in range(count):  # noqa: UP028 - the frame is what is wanted
        yield i


@called_by("generators")
def consume(value: int) -> int:
    return value


class Classy:
    """Is called, and dies running Python code."""

    @called_by("classes")
    def __init__(self, value: int) -> None:
        self.value = set_up(value)

    @called_by("classes", "*")
    def __del__(self) -> None:
        tear_down()

    @called_by("classes")
    def __lt__(self, other: Classy) -> bool:
        return self.value < other.value

    @property
    def doubled(self) -> int:
        return double(self.value)


CALLERS["doubled"] = {"classes"}


@called_by("__init__")
def set_up(value: int) -> int:
    return value


@called_by("__del__")
def tear_down() -> None:
    return None


@called_by("doubled")
def double(value: int) -> int:
    return value * 2


@called_by("run_all")
def classes() -> None:
    things = [Classy(i % 7) for i in range(20)]
    things.sort()
    sum([thing.doubled for thing in things])
    reference = weakref.ref(things[0])
    del things
    reference()


CALLERS["<listcomp>"] = {"classes", "threads", "async_main", "weak_references", "labels"}
for _function in ("__init__", "doubled"):
    CALLERS[_function].add("<listcomp>")  # a frame of its own before 3.12


@called_by("run_all")
def exceptions() -> None:
    for _ in range(10):
        try:
            raises(3)
        except ValueError:
            handle()
        finally:
            handle()


@called_by("exceptions", "raises")
def raises(depth: int) -> None:
    if depth == 0:
        raise ValueError
    raises(depth - 1)


@called_by("exceptions")
def handle() -> None:
    sys.exc_info()


@called_by("run_all")
def code_churn() -> None:
    """Makes functions that die at once, so that others get their addresses. Each says
    in its name how its file is called and in which line it begins."""
    for line in range(1, 21):
        name = f"churned_{line}_{time.monotonic_ns()}"
        space: dict[str, Any] = {}
        source = "\n" * (line - 1) + f"def {name}():\n  for i in range(40): i + i\n"
        exec(compile(source, f"<{name}>", "exec"), space)
        space[name]()
        eval(compile(f"{line} + sum(range(10))", f"<{name}>", "eval"))


def is_misnamed(name: str, filename: str, start_line: int) -> bool:
    """Whether this is a function of `code_churn` with what belongs to another."""
    if not name.startswith("churned_"):
        return False
    return filename != f"<{name}>" or start_line != int(name.split("_")[1])


def _body_a() -> int:
    return 1


def _body_b() -> int:
    return 2


CALLERS["_body_a"] = CALLERS["_body_b"] = {"code_swaps"}


@called_by("run_all")
def code_swaps() -> None:
    def swapped() -> int:
        return 0

    for body in (_body_a, _body_b) * 5:
        swapped.__code__ = body.__code__
        swapped()


@called_by("run_all")
def callbacks_from_libraries() -> None:
    numbers = (ctypes.c_int * 30)(*range(30, 0, -1))
    _QSORT(numbers, len(numbers), ctypes.sizeof(ctypes.c_int), compare_numbers)
    _DATABASE.execute("SELECT SUM(halve(column1)) FROM (VALUES (1), (2), (3))").fetchall()


_NUMBER = ctypes.POINTER(ctypes.c_int)
_QSORT = ctypes.CDLL(None).qsort
_DATABASE = sqlite3.connect(":memory:")


@ctypes.CFUNCTYPE(ctypes.c_int, _NUMBER, _NUMBER)
@called_by("callbacks_from_libraries")
def compare_numbers(first: Any, second: Any) -> int:
    return int(first[0] - second[0])


@called_by("callbacks_from_libraries")
def halve(value: float) -> float:
    return value / 2


_DATABASE.create_function("halve", 1, halve)


@called_by("run_all")
def weak_references() -> None:
    things = [Referred() for _ in range(10)]
    references = [weakref.ref(thing, when_gone) for thing in things]
    weakref.finalize(things[0], finalized)
    del things
    assert references[0]() is None


class Referred:
    """Something to refer to."""


@called_by("weak_references", "*")
def when_gone(_: object) -> None:
    return None


@called_by("*")
def finalized() -> None:
    return None


@called_by("run_all")
def collections() -> None:
    circle: list[Any] = []
    circle.append(circle)
    circle.append(Cyclic(circle))
    del circle
    gc.collect(0)
    sys._current_frames()


class Cyclic:
    """Dies in the garbage collector."""

    def __init__(self, circle: list[Any]) -> None:
        self.circle = circle

    @called_by("collections", "*")
    def __del__(self) -> None:
        tear_down()


CALLERS["__init__"].add("collections")
CALLERS["__del__"] |= {"collections", "classes", "*"}


@called_by("*")
def thread_body() -> None:
    for _ in range(3):
        callbacks_in_thread()


@called_by("thread_body")
def callbacks_in_thread() -> None:
    sorted(range(30), key=thread_key)


@called_by("callbacks_in_thread")
def thread_key(value: int) -> int:
    return -value


@called_by("run_all")
def threads() -> None:
    started = [threading.Thread(target=thread_body) for _ in range(3)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


@called_by("*", "asynchronous")  # who creates a coroutine, and who runs it
async def async_main() -> None:
    tasks = [asyncio.ensure_future(async_task(i)) for i in range(10)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@called_by("*", "async_main", "<listcomp>")
async def async_task(number: int) -> int:
    async with AsyncContext():
        return await async_step(number)


class AsyncContext:
    """Entered and left by coroutines."""

    @called_by("async_task")
    async def __aenter__(self) -> None:
        await asyncio.sleep(0)

    @called_by("async_task")
    async def __aexit__(self, *_: object) -> None:
        await asyncio.sleep(0)


@called_by("async_task")
async def async_step(number: int) -> int:
    total = 0
    async for value in async_numbers(number):
        total += value
    return total


@called_by("async_step")
async def async_numbers(count: int) -> Any:
    for i in range(count):
        await asyncio.sleep(0)
        yield i


@called_by("run_all")
def asynchronous() -> None:
    asyncio.run(async_main())


@called_by("run_all")
def labels() -> None:
    """Sets that die in every way: left, ended elsewhere, with their context, with a
    thread, in the collector."""
    for depth in (3, 50):
        nested_scopes(depth)
    overlapping = [tag_wrapper({"overlapping": str(i)}) for i in range(10)]
    for scope in overlapping:
        scope.__enter__()
        labelled()
    for scope in overlapping[::2]:
        contextvars.Context().run(scope.__exit__, None, None, None)
    for scope in overlapping[1::2]:
        scope.__exit__(None, None, None)
    circle: list[Any] = [contextvars.copy_context()]
    circle.append(circle)
    circle[0].run(tag_wrapper({"lost": str(time.monotonic_ns())}).__enter__)
    circle[0].run(labelled)
    del circle
    thread = threading.Thread(target=tagged_thread)
    thread.start()
    thread.join()
    gc.collect(0)


@called_by("labels", "nested_scopes")
def nested_scopes(depth: int) -> None:
    with tag_wrapper({"depth": str(depth)}):
        labelled()
        if depth > 0:
            nested_scopes(depth - 1)


@called_by("*")
def tagged_thread() -> None:
    for i in range(5):
        add_thread_tag("thread", str(i))
        labelled()
    remove_thread_tag("thread", "2")


@called_by("labels", "nested_scopes", "tagged_thread", "*")
def labelled() -> int:
    return sum(range(50))


PARTS = (
    recursion_to_the_limit,
    callbacks_from_c,
    generators,
    classes,
    exceptions,
    code_churn,
    code_swaps,
    callbacks_from_libraries,
    weak_references,
    collections,
    threads,
    asynchronous,
    labels,
)


def run_all(rounds: int = 1) -> None:
    """One round of everything."""
    for _ in range(rounds):
        for part in PARTS:
            part()


CALLERS["run_all"] = {"*"}


def impossible_pairs(stacks: Iterator[list[tuple[str, str]]]) -> list[tuple[str, str]]:
    """(caller, callee) pairs that cannot be.

    Stacks are (plain name, file name) lists, root first.
    """
    found = []
    for stack in stacks:
        for (caller, caller_file), (callee, callee_file) in zip(stack, stack[1:]):
            if callee_file != __file__ or callee not in CALLERS:
                continue
            allowed = CALLERS[callee]
            known = caller if caller_file == __file__ else "*"
            if known not in allowed and not (known == "*" and caller == "[truncated]"):
                found.append((caller, callee))
    return found
