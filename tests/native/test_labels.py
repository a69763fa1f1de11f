# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Labels where they belong: programs whose burners are named, so that the stack of
each sample says what its labels must be."""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.python import python

PRELUDE = """
import asyncio, contextvars, json, sys, threading, time
import pyroscope_native
from pyroscope_native import add_thread_tag, pprof, remove_thread_tag, tag_wrapper

def burner(name):
    scope = {"clock": time.thread_time}
    exec(f'''
def {name}():
    until = clock() + 0.04
    while clock() < until:
        pass
''', scope)
    return scope[name]

def burn(name):
    burner(name)()

def show(path):
    profile = pprof.decode(open(path, "rb").read())
    found = {}
    for sample in profile.samples:
        for frame in sample.stack:
            name = profile.functions[profile.frames[frame].function].name
            if name.startswith("in_"):
                labels = {k: v for k, v in sample.labels if k != "thread_name"}
                kept = found.setdefault(name, [])
                if labels not in kept:
                    kept.append(labels)
                break
    print(json.dumps(found))
"""


def found_labels(program: str, tmp_path: Path) -> dict[str, list[dict[str, str]]]:
    """The labels that each burner was seen with; `program` is what is profiled."""
    text = PRELUDE + textwrap.dedent(program)
    if "pyroscope_native.profile(" not in text:
        body = textwrap.indent(textwrap.dedent(program), "    ")
        text = f"{PRELUDE}\nwith pyroscope_native.profile('out.pb.gz', sample_rate=1000):\n{body}"
    done = python("-c", text + "\nshow('out.pb.gz')\n", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, list[dict[str, str]]] = json.loads(done.stdout)
    return found


def test_scopes_nest(tmp_path: Path) -> None:
    program = """
        burn("in_none")
        with tag_wrapper({"a": "1", "b": "1"}):
            burn("in_outer")
            with tag_wrapper({"b": "2", "c": "2"}):
                burn("in_inner")
            burn("in_outer_again")
            try:
                with tag_wrapper({"a": "3"}):
                    burn("in_failing")
                    raise ValueError
            except ValueError:
                burn("in_handler")
        burn("in_none_again")
    """
    assert found_labels(program, tmp_path) == {
        "in_none": [{}],
        "in_outer": [{"a": "1", "b": "1"}],
        "in_inner": [{"a": "1", "b": "2", "c": "2"}],
        "in_outer_again": [{"a": "1", "b": "1"}],
        "in_failing": [{"a": "3", "b": "1"}],
        "in_handler": [{"a": "1", "b": "1"}],
        "in_none_again": [{}],
    }


def test_tasks_have_the_labels_of_their_context(tmp_path: Path) -> None:
    program = """
        async def request(n):
            with tag_wrapper({"request": n}):
                burn(f"in_request_{n}")
                await asyncio.sleep(0)
                burn(f"in_request_{n}")
            burn("in_request_ended")

        async def inherited():
            await asyncio.sleep(0)
            burn("in_inherited")

        async def main():
            await asyncio.gather(request(1), request(2), request(3))
            with tag_wrapper({"outer": "x"}):
                task = asyncio.create_task(inherited())
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(None, burn, "in_plain_executor")
                context = contextvars.copy_context()
                await loop.run_in_executor(None, context.run, burn, "in_copied_context")
            await task
            burn("in_main")

        asyncio.run(main())
    """
    assert found_labels(program, tmp_path) == {
        **{f"in_request_{n}": [{"request": str(n)}] for n in (1, 2, 3)},
        "in_request_ended": [{}],
        "in_inherited": [{"outer": "x"}],
        "in_plain_executor": [{}],
        "in_copied_context": [{"outer": "x"}],
        "in_main": [{}],
    }


def test_functions_of_all_kinds_are_decorated(tmp_path: Path) -> None:
    program = """
        @tag_wrapper({"kind": "function"})
        def function(n):
            burn("in_function")
            return n + 1

        @tag_wrapper({"kind": "coroutine"})
        async def coroutine():
            await asyncio.sleep(0)
            burn("in_coroutine")
            return 5

        @tag_wrapper({"kind": "generator"})
        def generator():
            try:
                burn("in_generator")
                got = yield 1
                burn("in_generator")
                try:
                    yield got
                except KeyError:
                    burn("in_generator_handler")
                    yield "caught"
                return "end"
            finally:
                burn("in_generator_end")

        @tag_wrapper({"kind": "asynchronous generator"})
        async def asynchronous_generator():
            try:
                burn("in_asynchronous_generator")
                got = yield 1
                await asyncio.sleep(0)
                burn("in_asynchronous_generator")
                yield got
            finally:
                burn("in_asynchronous_end")

        def delegating():
            result = yield from generator()
            assert result == "end", result

        async def main():
            assert await coroutine() == 5
            steps = asynchronous_generator()
            assert await steps.asend(None) == 1
            burn("in_consumer")
            assert await steps.asend("sent") == "sent"
            await steps.aclose()
            async for _ in asynchronous_generator():
                burn("in_consumer")

        assert function(1) == 2
        assert function.__name__ == "function"
        steps = delegating()
        assert next(steps) == 1
        burn("in_consumer")
        assert steps.send("sent") == "sent"
        assert steps.throw(KeyError()) == "caught"
        assert next(steps, "over") == "over"
        closed = generator()
        next(closed)
        closed.close()
        asyncio.run(main())
    """
    generator, asynchronous = [{"kind": "generator"}], [{"kind": "asynchronous generator"}]
    assert found_labels(program, tmp_path) == {
        "in_function": [{"kind": "function"}],
        "in_coroutine": [{"kind": "coroutine"}],
        "in_generator": generator,
        "in_generator_handler": generator,
        "in_generator_end": generator,
        "in_asynchronous_generator": asynchronous,
        "in_asynchronous_end": asynchronous,
        "in_consumer": [{}],
    }


def test_what_is_thrown_into_a_decorated_generator_is_no_garbage(tmp_path: Path) -> None:
    program = """
import asyncio, gc, weakref
from pyroscope_native import tag_wrapper

@tag_wrapper({"kind": "generator"})
def generator():
    yield

@tag_wrapper({"kind": "asynchronous generator"})
async def asynchronous_generator():
    yield

class Thrown(Exception):
    pass

def throw():
    steps = generator()
    next(steps)
    error = Thrown()
    found = weakref.ref(error)
    try:
        steps.throw(error)
    except Thrown:
        del error  # else the cycle would be here
    return found

async def throw_asynchronously():
    steps = asynchronous_generator()
    await steps.asend(None)
    error = Thrown()
    found = weakref.ref(error)
    try:
        await steps.athrow(error)
    except Thrown:
        del error  # else the cycle would be here
    return found

gc.disable()
assert throw()() is None
assert asyncio.run(throw_asynchronously())() is None
"""
    done = python("-c", program, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_decorator_leaves_no_frame(tmp_path: Path) -> None:
    program = """
        @tag_wrapper({"kind": "function"})
        def decorated():
            burn("in_function")

        with pyroscope_native.profile("out.pb.gz", sample_rate=1000):
            decorated()
        profile = pprof.decode(open("out.pb.gz", "rb").read())
        callers = {
            tuple(profile.functions[profile.frames[frame].function].name for frame in sample.stack)
            for sample in profile.samples
        }
        assert ("in_function", "burn", "decorated", "<module>") in callers, callers
    """
    assert found_labels(program, tmp_path) == {"in_function": [{"kind": "function"}]}


def test_a_scope_left_elsewhere_has_ended(tmp_path: Path) -> None:
    program = """
        def leave(scope):
            scope.__exit__(None, None, None)

        def elsewhere(call, *args):
            thread = threading.Thread(target=call, args=args)
            thread.start()
            thread.join()

        first, second, third = (tag_wrapper({name: "1"}) for name in ("a", "b", "c"))
        first.__enter__()
        second.__enter__()
        burn("in_first_and_second")
        copied = contextvars.copy_context()
        elsewhere(leave, first)
        burn("in_second")
        third.__enter__()
        burn("in_second_and_third")
        leave(second)
        burn("in_third")
        elsewhere(copied.run, burn, "in_copy")
        leave(third)
        burn("in_none")
        with first:
            burn("in_first")

        # In a copy of the context, where it is the innermost too.
        scope = tag_wrapper({"d": "1"})
        scope.__enter__()
        burn("in_scope")
        elsewhere(contextvars.copy_context().run, leave, scope)
        burn("in_none")
        leave(scope)
        with tag_wrapper({"e": "1"}):
            burn("in_next")
        burn("in_none")
    """
    assert found_labels(program, tmp_path) == {
        "in_first_and_second": [{"a": "1", "b": "1"}],
        "in_second": [{"b": "1"}],
        "in_second_and_third": [{"b": "1", "c": "1"}],
        "in_third": [{"c": "1"}],
        "in_copy": [{"b": "1"}],
        "in_first": [{"a": "1"}],
        "in_scope": [{"d": "1"}],
        "in_next": [{"e": "1"}],
        "in_none": [{}],
    }


def test_one_scope_may_be_entered_many_times(tmp_path: Path) -> None:
    program = """
        scope = tag_wrapper({"shared": "yes"})

        async def task(n):
            with scope:
                await asyncio.sleep(0)
                burn("in_scope")
                with tag_wrapper({"n": n}), scope:
                    burn(f"in_scope_{n}")
            burn("in_none")
            await asyncio.sleep(0)
            burn("in_none")

        async def main():
            await asyncio.gather(*map(task, range(3)))

        asyncio.run(main())
        burn("in_none")
    """
    assert found_labels(program, tmp_path) == {
        "in_scope": [{"shared": "yes"}],
        **{f"in_scope_{n}": [{"shared": "yes", "n": str(n)}] for n in range(3)},
        "in_none": [{}],
    }


def test_tags_of_threads_lie_beneath(tmp_path: Path) -> None:
    program = """
        add_thread_tag("a", "thread")
        with pyroscope_native.profile("out.pb.gz", sample_rate=1000):
            burn("in_tagged_before")
            with tag_wrapper({"a": "scope"}):
                burn("in_scope")
            assert add_thread_tag("a", "later")
            burn("in_later")
            remove_thread_tag("a", "unknown")
            remove_thread_tag("a", "later")
            burn("in_former")

            def other():
                burn("in_other")
                add_thread_tag("b", 2)
                burn("in_other_tagged")

            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
            thread = threading.Thread(target=burn, args=("in_another",))
            thread.start()
            thread.join()
            remove_thread_tag("a", "thread")
            burn("in_none")
        assert not add_thread_tag("a", "thread")
    """
    assert found_labels(program, tmp_path) == {
        "in_tagged_before": [{"a": "thread"}],
        "in_scope": [{"a": "scope"}],
        "in_later": [{"a": "later"}],
        "in_former": [{"a": "thread"}],
        "in_other": [{}],
        "in_other_tagged": [{"b": "2"}],
        "in_another": [{}],
        "in_none": [{}],
    }


def test_scopes_outlive_a_profile(tmp_path: Path) -> None:
    program = """
        early = tag_wrapper({"early": "1"})
        early.__enter__()
        with pyroscope_native.profile("first.pb.gz"):
            kept = tag_wrapper({"kept": "1"})
            kept.__enter__()
            early.__exit__(None, None, None)
        with pyroscope_native.profile("out.pb.gz", sample_rate=1000):
            burn("in_kept")
            kept.__exit__(None, None, None)
            burn("in_none")
    """
    assert found_labels(program, tmp_path) == {"in_kept": [{"kept": "1"}], "in_none": [{}]}


def test_scopes_nest_as_deep_as_they_like(tmp_path: Path) -> None:
    program = """
        with pyroscope_native.profile("out.pb.gz", sample_rate=1000):
            with tag_wrapper({"outermost": "1"}):
                scopes = [tag_wrapper({"depth": str(depth)}) for depth in range(100_000)]
                for scope in scopes:
                    scope.__enter__()
                burn("in_deep")
                last = contextvars.copy_context()
                for scope in scopes[2:100]:
                    scope.__exit__(None, None, None)
                for scope in reversed(scopes):
                    scope.__exit__(None, None, None)
                burn("in_outermost")
            burn("in_none")
            del last
        assert pyroscope_native.stats().unlabelled_ns > 0
    """
    assert found_labels(program, tmp_path) == {
        "in_deep": [{"depth": "99999"}],
        "in_outermost": [{"outermost": "1"}],
        "in_none": [{}],
    }


def test_a_bad_label_costs_only_itself(tmp_path: Path) -> None:
    program = PRELUDE + textwrap.dedent("""
        class Unprintable:
            def __str__(self):
                raise RuntimeError("no")

        bad = {"a.b": "1", "__name__": "x", "service_name": "x", "": "x", "long": "x" * 2049,
               "empty": "", 5: "x", "unprintable": Unprintable(), "\\udcff": "x"}
        with pyroscope_native.profile("out.pb.gz", sample_rate=1000):
            for _ in range(2):
                with tag_wrapper({**bad, "good": "x", "number": 7, "odd": "\\udcff"}):
                    burn("in_scope")
            with tag_wrapper(None):
                burn("in_nothing")
            with tag_wrapper(bad):
                burn("in_nothing")
            add_thread_tag("a.b", "1")
            burn("in_nothing")
        assert pyroscope_native.stats().labels_refused == 3 * len(bad) + 2
        show("out.pb.gz")
    """)
    done = python("-c", program, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "in_scope": [{"good": "x", "number": "7", "odd": "?"}],
        "in_nothing": [{}],
    }
    lines = done.stderr.splitlines()
    assert len(lines) == 10
    assert all(line.startswith("pyroscope_native: a label is left out: ") for line in lines[:9])
    assert "'a.b'" in done.stderr


def test_labels_that_find_no_room_in_a_file_are_counted(tmp_path: Path) -> None:
    program = PRELUDE + textwrap.dedent("""
        with pyroscope_native.profile("out.pb.gz", sample_rate=1000):
            with tag_wrapper({f"label_{n}": "x" for n in range(32)}):
                burn("in_scope")
        print(pyroscope_native.stats().labels_dropped > 0)
    """)
    done = python("-c", program, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "True\n")
    assert done.stderr.count("more labels than a server takes") == 1


def test_scopes_without_a_profile_do_nothing(tmp_path: Path) -> None:
    done = python(
        "-c",
        "import contextvars, sys\n"
        "from pyroscope_native import tag_wrapper\n"
        "with tag_wrapper({'a': object()}), tag_wrapper(None):\n"
        "    print(len(contextvars.copy_context()))\n",
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="needs TaskGroup")
def test_task_groups_and_cancellation(tmp_path: Path) -> None:
    program = """
        async def member(n):
            with tag_wrapper({"member": n}):
                try:
                    burn(f"in_member_{n}")
                    await asyncio.sleep(60)
                finally:
                    burn(f"in_member_{n}")

        async def main():
            try:
                async with asyncio.TaskGroup() as group:
                    with tag_wrapper({"group": "g"}):
                        for n in range(3):
                            group.create_task(member(n))
                    await asyncio.sleep(0)
                    burn("in_group")
                    raise KeyError
            except* KeyError:
                burn("in_main")

        asyncio.run(main())
    """
    assert found_labels(program, tmp_path) == {
        **{f"in_member_{n}": [{"group": "g", "member": str(n)}] for n in range(3)},
        "in_group": [{}],
        "in_main": [{}],
    }


def test_a_scope_that_ends_for_good_ends_in_copied_contexts(tmp_path: Path) -> None:
    program = """
        with tag_wrapper({"outer": "1"}):
            scope = tag_wrapper({"ends": "1"})
            with scope:
                inside = contextvars.copy_context()
            with scope, tag_wrapper({"inner": "1"}):
                further_inside = contextvars.copy_context()
                burn("in_all")
        inside.run(burn, "in_copy")
        scope.end()
        inside.run(burn, "in_outer")
        further_inside.run(burn, "in_inner")
        with scope:
            burn("in_none")
        scope.end()
    """
    assert found_labels(program, tmp_path) == {
        "in_all": [{"outer": "1", "ends": "1", "inner": "1"}],
        "in_copy": [{"outer": "1", "ends": "1"}],
        "in_outer": [{"outer": "1"}],
        "in_inner": [{"outer": "1", "inner": "1"}],
        "in_none": [{}],
    }


def test_labels_are_hidden_in_a_block(tmp_path: Path) -> None:
    program = """
        from pyroscope_native.labels import without_labels
        hidden = without_labels({"a": "", "never": ""})
        with tag_wrapper({"a": "1", "b": "1"}):
            with hidden:
                burn("in_b")
                with tag_wrapper({"a": "2"}), tag_wrapper({"c": "2"}):
                    burn("in_all")
                    with hidden:
                        burn("in_b_and_c")
            burn("in_outer")
    """
    assert found_labels(program, tmp_path) == {
        "in_b": [{"b": "1"}],
        "in_all": [{"a": "2", "b": "1", "c": "2"}],
        "in_b_and_c": [{"b": "1", "c": "2"}],
        "in_outer": [{"a": "1", "b": "1"}],
    }


def test_the_child_of_a_fork_profiles_anew(tmp_path: Path) -> None:
    """Inside of a scope that the parent's window has a number for."""
    program = """
        import os
        with pyroscope_native.profile("parent.pb.gz", sample_rate=1000):
            with tag_wrapper({"n": "1"}):
                burn("in_first")
            with tag_wrapper({"n": "2"}):
                burn("in_second")
                child = os.fork()
                if child == 0:
                    with pyroscope_native.profile("out.pb.gz", sample_rate=1000):
                        burn("in_child")
                        with tag_wrapper({"m": "3"}):
                            burn("in_both")
                    os._exit(0)
                assert os.waitpid(child, 0)[1] == 0
    """
    assert found_labels(program, tmp_path) == {
        "in_child": [{"n": "2"}],
        "in_both": [{"m": "3", "n": "2"}],
    }


def test_labels_that_die_while_they_are_read(tmp_path: Path) -> None:
    """In the collector, which the drain's own allocations may call, before 3.12."""
    program = """
import contextvars, gc, time
from pyroscope_native import _core, tag_wrapper
gc.disable()
_core.start(_core.CLOCK_THREAD, 1_000_000)

def lost():
    context = contextvars.Context()
    # A tuple of so many is no spare one.
    scope = tag_wrapper({f"name_{i}": f"value {time.time()}" for i in range(15)})
    context.run(scope.__enter__)
    context.run(one_sample)
    cycle = [context, scope]
    cycle.append(cycle)

def one_sample():
    before = _core.counters()["samples"]
    while _core.counters()["samples"] == before:
        pass
    _core.stop()

lost()
drain = _core.drain
gc.set_threshold(1)
gc.enable()
drain()
gc.disable()
print([(len(flat), flat[-1][:6]) for flat in _core.cut().label_sets() if flat])
"""
    done = python("-c", program, cwd=tmp_path, env={"PYTHONMALLOC": "debug"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "[(30, 'value ')]\n"


def test_a_generator_collected_while_a_scope_is_entered(tmp_path: Path) -> None:
    """By the allocations of entering, before 3.12."""
    program = """
        import gc
        def lost():
            with tag_wrapper({"lost": "1"}):
                yield
        def lose():
            generator = lost()
            cycle = [generator]
            cycle.append(cycle)
            next(generator)
        gc.disable()
        for allocation in range(8):
            scope = tag_wrapper({"a": "1"})
            lose()
            gc.set_threshold(gc.get_count()[0] + allocation)
            gc.enable()
            with scope:
                gc.disable()
                gc.collect()
                burn("in_scope")
            burn("in_none")
    """
    assert found_labels(program, tmp_path) == {"in_scope": [{"a": "1"}], "in_none": [{}]}


def test_scopes_that_overlap_and_end_elsewhere_for_ever(tmp_path: Path) -> None:
    program = """
        with tag_wrapper({"outer": "1"}):
            previous = tag_wrapper({"inner": "0"})
            previous.__enter__()
            for _ in range(5000):
                scope = tag_wrapper({"inner": "1"})
                scope.__enter__()
                contextvars.Context().run(previous.__exit__, None, None, None)
                previous = scope
            burn("in_last")
    """
    assert found_labels(program, tmp_path) == {"in_last": [{"inner": "1", "outer": "1"}]}


def test_a_scope_entered_before_the_profile_elsewhere(tmp_path: Path) -> None:
    program = """
        scope = tag_wrapper({"a": "1"})
        other = contextvars.copy_context()
        other.run(scope.__enter__)
        with pyroscope_native.profile("out.pb.gz", sample_rate=1000):
            with scope:
                burn("in_scope")
                other.run(scope.__exit__, None, None, None)
                burn("in_scope_still")
            burn("in_none")
    """
    assert found_labels(program, tmp_path) == {
        "in_scope": [{"a": "1"}],
        "in_scope_still": [{"a": "1"}],
        "in_none": [{}],
    }


def test_names_that_fail(tmp_path: Path) -> None:
    program = """
        class Name:
            fails = False
            def __hash__(self):
                if self.fails: raise ValueError
                return 1
        tags = {Name(): "1"}
        Name.fails = True
        sys.stderr = None  # what is left out is told
        with tag_wrapper(tags):
            burn("in_scope")
    """
    assert found_labels(program, tmp_path) == {"in_scope": [{}]}
