# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Random programs that use labels in all the ways that mix them up.

A tree of scopes, tasks, threads, generators and greenlets, whose leaves burn CPU
(label_model.py). Which tree it is depends on the random numbers alone; in which
order its tasks and threads run does not.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar, copy_context
from random import Random
from typing import Any

from pyroscope_native import tag_wrapper
from tests.support.label_model import At, Held, Labels, Place, burn, calm, tagged, thread_place

try:
    import greenlet
except ImportError:
    greenlet = None
try:
    import gevent
except ImportError:
    gevent = None
try:
    import uvloop
except ImportError:
    uvloop = None
try:
    import anyio
except ImportError:
    anyio = None
try:
    import trio
except ImportError:
    trio = None

Sync = Callable[[At, Random, int], None]
Async = Callable[[At, Random, int], Coroutine[Any, Any, None]]

DEPTH = 3


class Boom(Exception):
    """Passes through scopes."""


def some_labels(rng: Random) -> Labels:
    return {rng.choice("abc"): str(rng.randrange(5)) for _ in range(rng.randrange(1, 3))}


def fork(rng: Random) -> Random:
    return Random(rng.getrandbits(64))


_SHARED = {name: tag_wrapper({name: 7}) for name in "abc"}


def shared_scope(at: At, rng: Random) -> Held:
    """Of an instance that others have entered too."""
    name = rng.choice("abc")
    return Held(at, {name: "7"}, _SHARED[name])


# ---- plain code ----


def grow(at: At, rng: Random, depth: int) -> None:
    """A subtree."""
    for _ in range(rng.randrange(1, 4)):
        if depth == 0 or rng.random() < 0.3:
            burn(at, rng)
        else:
            rng.choice(SYNC)(at, fork(rng), depth - 1)


def scope(at: At, rng: Random, depth: int) -> None:
    with Held(at, some_labels(rng)):
        grow(at, rng, depth)
    burn(at, rng)


def nested_in_itself(at: At, rng: Random, depth: int) -> None:
    with shared_scope(at, rng):
        grow(at, rng, depth)
        with shared_scope(at, rng), shared_scope(at, rng):
            grow(at, rng, depth)
        burn(at, rng)
    burn(at, rng)


def raising(at: At, rng: Random, depth: int) -> None:
    with suppress(Boom), Held(at, some_labels(rng)), Held(at, some_labels(rng)):
        grow(at, rng, depth)
        raise Boom
    burn(at, rng)


def decorated_function(at: At, rng: Random, depth: int) -> None:
    labels = some_labels(rng)

    @tag_wrapper(labels)
    def function(fails: bool) -> None:
        with told(at, labels):
            grow(at, rng, depth)
            if fails:
                raise Boom

    function(False)
    with suppress(Boom):
        function(True)
    burn(at, rng)


class told:
    """A scope that a decorator has entered in the program, in the model."""

    def __init__(self, at: At, labels: Labels) -> None:
        self.at, self.labels = at, labels

    def __enter__(self) -> None:
        assert self.at.place is not None
        self.entry = self.at.place.enter(self.labels)

    def __exit__(self, *_: object) -> None:
        self.entry.home.leave(self.entry)


def decorated_generator(at: At, rng: Random, depth: int) -> None:
    labels = some_labels(rng)

    @tag_wrapper(labels)
    def generator() -> Generator[None, None, None]:
        for _ in range(3):
            with told(at, labels):
                burn(at, rng)
            with suppress(Boom):
                yield

    steps = generator()
    next(steps)
    grow(at, rng, depth)
    steps.throw(Boom())
    burn(at, rng)
    if rng.random() < 0.5:
        steps.close()
    else:
        list(steps)
    burn(at, rng)


def steps(at: At, rng: Random) -> Generator[None, None, None]:
    """The scope is open while the consumer runs."""
    with Held(at, some_labels(rng)):
        burn(at, rng)
        yield
        with Held(at, some_labels(rng)):
            burn(at, rng)
            yield
        burn(at, rng)
        yield


def generator_finished(at: At, rng: Random, depth: int) -> None:
    for _ in steps(at, rng):
        grow(at, rng, depth)
    burn(at, rng)


def generator_closed_late(at: At, rng: Random, depth: int) -> None:
    """Out of order: a scope of the consumer's is inside those of the generator."""
    generator = steps(at, rng)
    next(generator)
    with Held(at, some_labels(rng)):
        next(generator)
        grow(at, rng, depth)
        generator.close()
        burn(at, rng)
    burn(at, rng)


_doomed: list[At] = []
"""Where generators are that the collector will close."""


def generator_lost(at: At, rng: Random, depth: int) -> None:
    """Left to the collector, whoever runs it."""
    its = At(at.place)
    lose(its, rng)
    _doomed.append(its)
    grow(at, rng, depth)


def lose(at: At, rng: Random) -> None:
    cycle: list[Any] = [steps(at, rng)]
    cycle.append(cycle)
    next(cycle[0])
    burn(at, rng)


def collect(at: At, rng: Random, depth: int) -> None:
    """The collector, which is off otherwise."""
    with calm.ending():
        doomed = _doomed[:]
        _doomed.clear()
        for each in doomed:
            each.place = at.place
        gc.collect()
    grow(at, rng, depth)


def out_of_order(at: At, rng: Random, depth: int) -> None:
    held = [Held(at, some_labels(rng)) for _ in range(3)]
    for each in held:
        each.__enter__()
        burn(at, rng)
    grow(at, rng, depth)
    rng.shuffle(held)
    for each in held:
        each.__exit__(None, None, None)
        burn(at, rng)


def left_in_another_thread(at: At, rng: Random, depth: int) -> None:
    held, outer = Held(at, some_labels(rng)), Held(at, some_labels(rng))

    def leave() -> None:
        held.at = At(thread_place())
        held.__exit__(None, None, None)
        burn(held.at, rng)

    with outer:
        held.__enter__()
        grow(at, rng, depth)
        run_thread(leave)
        burn(at, rng)
    burn(at, rng)


def run_thread(work: Callable[[], None]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def thread(at: At, rng: Random, depth: int) -> None:
    """Inherits nothing; burns while its creator does."""
    theirs = fork(rng)
    other = threading.Thread(target=lambda: grow(At(thread_place()), theirs, depth))
    with Held(at, some_labels(rng)):
        other.start()
        grow(at, rng, depth)
    burn(at, rng)
    other.join()


def thread_in_copy(at: At, rng: Random, depth: int) -> None:
    assert at.place is not None
    with Held(at, some_labels(rng)):
        context, place = copy_context(), at.place.copy()
        theirs = fork(rng)
        other = threading.Thread(
            target=lambda: context.run(grow, At(place), theirs, depth),
        )
        other.start()
        burn(at, rng)
    burn(at, rng)
    other.join()


def pool(at: At, rng: Random, depth: int) -> None:
    assert at.place is not None
    with ThreadPoolExecutor(2) as executor:
        work = []
        for _ in range(2):
            with Held(at, some_labels(rng)):
                its = At(at.place.copy())
                work.append(executor.submit(copy_context().run, grow, its, fork(rng), depth))
                work.append(executor.submit(bare, fork(rng), depth))
            burn(at, rng)
        for each in work:
            each.result()


def bare(rng: Random, depth: int) -> None:
    """In a thread's own context."""
    grow(At(thread_place()), rng, depth)


def context_twice(at: At, rng: Random, depth: int) -> None:
    """A scope is entered in one run of a context and left in another."""
    assert at.place is not None
    context, inside = copy_context(), At(at.place.copy())
    held = Held(inside, some_labels(rng))
    context.run(held.__enter__)
    burn(at, rng)
    context.run(grow, inside, rng, depth)
    burn(at, rng)
    context.run(held.__exit__)
    context.run(burn, inside, rng)


def tags(at: At, rng: Random, depth: int) -> None:
    with ExitStack() as stack:
        for name in rng.sample("abt", 2):
            stack.enter_context(tagged(name, str(rng.randrange(3))))
            burn(at, rng)
        grow(at, rng, depth)
    burn(at, rng)


def _inherits(probe: Callable[[Callable[[], None]], None]) -> bool:
    """Whether code that `probe` runs has a copy of the context."""
    variable = ContextVar("probe", default=False)
    variable.set(True)
    found: list[bool] = []
    probe(lambda: found.append(variable.get()))
    return found == [True]


if greenlet is not None:
    _GREENLETS_INHERIT = copy_context().run(
        _inherits, lambda work: greenlet.greenlet(work).switch() and None
    )


def greenlets(at: At, rng: Random, depth: int) -> None:
    """Two that switch to and fro with scopes open."""
    assert at.place is not None
    parent = greenlet.getcurrent()

    def body(its: At, own: Random) -> None:
        with Held(its, some_labels(own)):
            burn(its, own)
            parent.switch()
            grow(its, own, depth)
            with suppress(Boom), Held(its, some_labels(own)):
                burn(its, own)
                parent.switch()
                raise Boom
            burn(its, own)

    green = [greenlet.greenlet(body) for _ in range(2)]
    arguments = [(At(at.place.copy() if _GREENLETS_INHERIT else Place()), fork(rng)) for _ in green]
    with Held(at, some_labels(rng)):
        for each, words in zip(green, arguments):
            each.switch(*words)
            burn(at, rng)
    while not all(each.dead for each in green):
        for each in green:
            each.switch()
            burn(at, rng)


SYNC: list[Sync] = [
    *(scope, scope, nested_in_itself, raising, decorated_function, decorated_generator),
    *(generator_finished, generator_closed_late, generator_lost, collect, out_of_order),
    *(left_in_another_thread, thread, thread_in_copy, pool, context_twice, tags),
    *([greenlets] if greenlet is not None else ()),
]


# ---- asyncio ----


async def agrow(at: At, rng: Random, depth: int) -> None:
    """A subtree in a task."""
    for _ in range(rng.randrange(1, 4)):
        if depth == 0 or rng.random() < 0.2:
            burn(at, rng)
        elif rng.random() < 0.15:
            grow(at, fork(rng), depth - 1)
        else:
            await rng.choice(ASYNC)(at, fork(rng), depth - 1)
        if rng.random() < 0.5:
            await asyncio.sleep(0)


def task(at: At, rng: Random, depth: int, work: Async = agrow) -> asyncio.Task[None]:
    assert at.place is not None
    return asyncio.ensure_future(work(At(at.place.copy()), fork(rng), depth))


async def ascope(at: At, rng: Random, depth: int) -> None:
    with Held(at, some_labels(rng)):
        await agrow(at, rng, depth)
    burn(at, rng)


async def shared_by_tasks(at: At, rng: Random, depth: int) -> None:
    async def inside(its: At, own: Random, depth: int) -> None:
        with shared_scope(its, own):
            await agrow(its, own, depth)
            await asyncio.sleep(0)
            burn(its, own)
        burn(its, own)

    with shared_scope(at, rng):
        both = [task(at, rng, depth, inside) for _ in range(2)]
        await asyncio.sleep(0)
        burn(at, rng)
    burn(at, rng)
    await asyncio.gather(*both)


async def tasks_that_outlive(at: At, rng: Random, depth: int) -> None:
    with Held(at, some_labels(rng)):
        some = [task(at, rng, depth) for _ in range(2)]
        await asyncio.sleep(0)
    burn(at, rng)
    await asyncio.gather(*some)


async def callback(at: At, rng: Random, depth: int) -> None:
    assert at.place is not None
    done = asyncio.get_running_loop().create_future()

    def work(its: At) -> None:
        grow(its, rng, depth)
        if not done.done():  # cancelled
            done.set_result(None)

    with Held(at, some_labels(rng)):
        asyncio.get_running_loop().call_soon(work, At(at.place.copy()))
    await done
    burn(at, rng)


async def task_group(at: At, rng: Random, depth: int) -> None:
    assert at.place is not None
    if sys.version_info < (3, 11):
        return
    with Held(at, some_labels(rng)):
        with suppress(BaseExceptionGroup):  # noqa: F821 - known from 3.11 on
            async with asyncio.TaskGroup() as group:
                for _ in range(2):
                    group.create_task(agrow(At(at.place.copy()), fork(rng), depth))
                group.create_task(failing(At(at.place.copy()), fork(rng)))
                await agrow(at, rng, 0)
        burn(at, rng)
    burn(at, rng)


async def failing(at: At, rng: Random) -> None:
    with Held(at, some_labels(rng)):
        await asyncio.sleep(0)
        burn(at, rng)
        raise Boom


async def cancelled(at: At, rng: Random, depth: int) -> None:
    async def inside(its: At, own: Random, depth: int) -> None:
        with Held(its, some_labels(own)):
            try:
                with Held(its, some_labels(own)):
                    await agrow(its, own, depth)
                    await asyncio.sleep(0.01)  # a task group may have swallowed it
            finally:
                burn(its, own)

    victim = task(at, rng, depth, inside)
    for _ in range(rng.randrange(6)):
        await asyncio.sleep(0)
    burn(at, rng)
    victim.cancel()
    await asyncio.wait({victim})


async def in_executor(at: At, rng: Random, depth: int) -> None:
    assert at.place is not None
    loop = asyncio.get_running_loop()
    with Held(at, some_labels(rng)):
        copied = At(at.place.copy())
        threads = [
            loop.run_in_executor(None, bare, fork(rng), depth),
            loop.run_in_executor(None, copy_context().run, grow, copied, fork(rng), depth),
            asyncio.to_thread(grow, At(at.place.copy()), fork(rng), depth),
        ]
        burn(at, rng)
        await asyncio.gather(*threads)
    burn(at, rng)


async def asteps(at: At, rng: Random) -> AsyncGenerator[None, None]:
    with Held(at, some_labels(rng)):
        burn(at, rng)
        yield
        await asyncio.sleep(0)
        with Held(at, some_labels(rng)):
            burn(at, rng)
            yield
        burn(at, rng)
        yield


@contextmanager
def dropped_at_last(at: At) -> Iterator[At]:
    """Where a generator is. One that is dropped is closed by the loop, in a context of
    its own choice."""
    its = At(at.place)
    try:
        yield its
    finally:
        its.place = None


async def generator_in_task(at: At, rng: Random, depth: int) -> None:
    with dropped_at_last(at) as its:
        async for _ in asteps(its, rng):
            await agrow(at, rng, depth)
    burn(at, rng)


async def generator_closed_in_order(at: At, rng: Random, depth: int) -> None:
    with dropped_at_last(at) as its:
        generator = asteps(its, rng)
        await generator.__anext__()
        await agrow(at, rng, depth)
        await generator.aclose()
    burn(at, rng)


async def generator_closed_elsewhere(at: At, rng: Random, depth: int) -> None:
    with dropped_at_last(at) as its:
        generator = asteps(its, rng)
        await generator.__anext__()
        await agrow(at, rng, depth)

        async def close(there: At, own: Random, depth: int) -> None:
            its.place = there.place
            await generator.aclose()
            await agrow(there, own, depth)

        await task(at, rng, depth, close)
    burn(at, rng)


async def generator_stepped_elsewhere(at: At, rng: Random, depth: int) -> None:
    """Scopes are entered in the contexts of other tasks, and left in yet others."""
    with dropped_at_last(at) as its:
        generator = asteps(its, rng)

        async def step(there: At, own: Random, depth: int) -> None:
            its.place = there.place
            with suppress(StopAsyncIteration):
                await generator.__anext__()
            await agrow(there, own, depth)

        for _ in range(4):
            await task(at, rng, depth, step)
            burn(at, rng)


async def generator_dropped(at: At, rng: Random, depth: int) -> None:
    with dropped_at_last(at) as its:
        generator = asteps(its, rng)
        await generator.__anext__()
    del generator
    for _ in range(rng.randrange(4)):
        burn(at, rng)
        await asyncio.sleep(0)
    await agrow(at, rng, depth)


async def decorated_coroutine(at: At, rng: Random, depth: int) -> None:
    labels = some_labels(rng)

    @tag_wrapper(labels)
    async def coroutine() -> None:
        with told(at, labels):
            await agrow(at, rng, depth)
            raise Boom

    with suppress(Boom):
        await coroutine()
    burn(at, rng)


async def decorated_async_generator(at: At, rng: Random, depth: int) -> None:
    labels = some_labels(rng)

    @tag_wrapper(labels)
    async def generator() -> AsyncGenerator[None, None]:
        for _ in range(3):
            with told(at, labels):
                await agrow(at, rng, 0)
            with suppress(Boom):
                yield

    steps = generator()
    await steps.__anext__()
    await agrow(at, rng, depth)
    await steps.athrow(Boom())
    burn(at, rng)
    await steps.aclose()
    burn(at, rng)


async def left_in_another_task(at: At, rng: Random, depth: int) -> None:
    held = Held(at, some_labels(rng))

    async def leave(there: At, own: Random, depth: int) -> None:
        await agrow(there, own, depth)
        held.at = there
        held.__exit__(None, None, None)
        burn(there, own)

    with Held(at, some_labels(rng)):
        sibling = task(at, rng, depth)
        held.__enter__()
        inside = task(at, rng, depth)
        await task(at, rng, depth, leave)
        burn(at, rng)
    burn(at, rng)
    await asyncio.gather(inside, sibling)


async def out_of_order_among_tasks(at: At, rng: Random, depth: int) -> None:
    held = [Held(at, some_labels(rng)) for _ in range(3)]
    tasks = []
    for each in held:
        each.__enter__()
        tasks.append(task(at, rng, depth))
    rng.shuffle(held)
    for each in held:
        await asyncio.sleep(0)
        each.__exit__(None, None, None)
        burn(at, rng)
    await asyncio.gather(*tasks)


ASYNC: list[Async] = [
    *(ascope, ascope, ascope, shared_by_tasks, tasks_that_outlive, callback, task_group),
    *(cancelled, in_executor, generator_in_task, generator_closed_in_order),
    *(generator_closed_elsewhere, generator_stepped_elsewhere, generator_dropped),
    *(decorated_coroutine, decorated_async_generator, left_in_another_task),
    out_of_order_among_tasks,
]


# ---- whole programs ----


def plain(at: At, rng: Random) -> None:
    grow(at, rng, DEPTH)


def in_asyncio(at: At, rng: Random) -> None:
    assert at.place is not None
    asyncio.run(_main(At(at.place.copy()), rng))


async def _main(at: At, rng: Random) -> None:
    loop = asyncio.get_running_loop()
    # Other loops don't get along with it in all versions.
    if sys.version_info >= (3, 12) and isinstance(loop, asyncio.BaseEventLoop):
        if rng.random() < 0.5:
            loop.set_task_factory(asyncio.eager_task_factory)
    await asyncio.gather(*(task(at, rng, DEPTH) for _ in range(3)))


async def _cancel_others() -> None:
    """As `asyncio.run` does at its end."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for each in others:
        each.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def in_uvloop(at: At, rng: Random) -> None:
    assert at.place is not None
    loop = uvloop.new_event_loop()
    try:
        loop.run_until_complete(_main(At(at.place.copy()), rng))
        loop.run_until_complete(_cancel_others())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()


if gevent is not None:
    _GEVENT_INHERITS = copy_context().run(
        _inherits, lambda work: gevent.joinall([gevent.spawn(work)]) and None
    )


def in_gevent(at: At, rng: Random) -> None:
    assert at.place is not None

    def body(its: At, own: Random) -> None:
        for _ in range(3):
            with Held(its, some_labels(own)):
                burn(its, own)
                gevent.sleep(0)
                grow(its, own, DEPTH - 2)
                gevent.sleep(0)
            burn(its, own)

    green = []
    with Held(at, some_labels(rng)):
        for _ in range(3):
            place = at.place.copy() if _GEVENT_INHERITS else Place()
            green.append(gevent.spawn(body, At(place), fork(rng)))
    victim = gevent.spawn(body, At(at.place.copy() if _GEVENT_INHERITS else Place()), fork(rng))
    gevent.sleep(0)
    victim.kill()
    burn(at, rng)
    gevent.joinall(green)


async def _anyio_tree(at: At, rng: Random, depth: int) -> None:
    assert at.place is not None
    with Held(at, some_labels(rng)):
        async with anyio.create_task_group() as group:
            if depth > 0:
                for _ in range(2):
                    group.start_soon(_anyio_tree, At(at.place.copy()), fork(rng), depth - 1)
            with Held(at, some_labels(rng)):
                if depth > 0:
                    group.start_soon(_anyio_tree, At(at.place.copy()), fork(rng), 0)
                await anyio.sleep(0)
                burn(at, rng)
            with anyio.move_on_after(0.001), Held(at, some_labels(rng)):
                await anyio.sleep(60)
            burn(at, rng)
            await anyio.to_thread.run_sync(grow, At(at.place.copy()), fork(rng), 1)
            burn(at, rng)
    burn(at, rng)


def in_anyio(backend: str) -> Callable[[At, Random], None]:
    def run(at: At, rng: Random) -> None:
        assert at.place is not None
        anyio.run(_anyio_tree, At(at.place.copy()), rng, 2, backend=backend)

    run.__name__ = f"in_anyio_{backend}"
    return run


PROGRAMS: list[Callable[[At, Random], None]] = [
    plain,
    in_asyncio,
    in_asyncio,
    *([in_uvloop] if uvloop is not None else ()),
    *([in_gevent] if gevent is not None else ()),
    *([in_anyio("asyncio")] if anyio is not None else ()),
    *([in_anyio("trio")] if anyio is not None and trio is not None else ()),
]
