# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Profiles of spans: which spans are profiled, and that samples bear the ids of those
that they were taken in and of no others.

Programs burn CPU in functions that are named after the span that their samples must
bear. So each sample says itself whether its labels are right.
"""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

from tests.support import pprof_reader
from tests.support.push_server import PushServer
from tests.support.python import python, run

pytest.importorskip("opentelemetry.sdk")

PROLOG = """
import asyncio, atexit, contextvars, gc, json, random, threading, time, types
from concurrent.futures import ThreadPoolExecutor
from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider, sampling
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span
from pyroscope_native.integrations.opentelemetry import SpanProcessor

def tracer_of(*processors, sampler=None):
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    for processor in processors:
        provider.add_span_processor(processor)
    return provider.get_tracer("test")

REMOTE = SpanContext(
    trace_id=0xABC, span_id=0xDEF, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))

expected = {}  # labels by name of function

def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(1000))

def work(span=None, seconds=0.1):
    name, labels = "in_no_span", {}
    if span is not None:
        ids = span.get_span_context()
        labels = {
            "span_id": format(ids.span_id, "016x"),
            "trace_id": format(ids.trace_id, "032x"),
        }
        name = "in_" + labels["span_id"]
    expected[name] = labels
    names = {"co_name": name}
    if hasattr(burn.__code__, "co_qualname"):
        names["co_qualname"] = name
    types.FunctionType(burn.__code__.replace(**names), globals())(seconds)

@atexit.register
def note():
    with open("expected.json", "w") as file:
        json.dump(expected, file)
"""

IDS = ("span_id", "trace_id", "span_name")


def check_samples(program: str, directory: Path) -> None:
    """Profile `program`, and hold the ids of each sample against its function's name."""
    (directory / "program.py").write_text(PROLOG + textwrap.dedent(program))
    done = run("-o", "profile.pb.gz", "program.py", cwd=directory)
    assert done.returncode == 0, done.stderr
    assert "Traceback (most recent" not in done.stderr
    assert "may lack labels" not in done.stderr
    expected = json.loads((directory / "expected.json").read_text())
    assert len(expected) > 1
    seen = set()
    for sample in pprof_reader.check((directory / "profile.pb.gz").read_bytes()).samples:
        names = [frame.name for frame in sample.stack if frame.name.startswith("in_")]
        if names:
            ids = {name: value for name, value in sample.labels if name in IDS}
            assert ids == expected[names[0]], names
            seen.add(names[0])
    assert seen == set(expected)


def passes(program: str, directory: Path) -> str:
    """What the program has said on stderr, which has run to its end."""
    done = python("-c", PROLOG + textwrap.dedent(program), cwd=directory)
    assert done.returncode == 0, done.stderr
    return done.stderr


# ---- which spans are profiled ----


def test_the_first_span_of_a_trace_in_a_process_is_profiled(tmp_path: Path) -> None:
    program = """
    tracer = tracer_of(SpanProcessor())
    def profile_id(span):
        return span.attributes.get("pyroscope.profile.id")
    def own_id(span):
        return format(span.get_span_context().span_id, "016x")
    with tracer.start_as_current_span("root") as root:
        assert profile_id(root) == own_id(root)
        with tracer.start_as_current_span("child") as child:
            assert profile_id(child) is None
    parent = trace.set_span_in_context(NonRecordingSpan(REMOTE))
    with tracer.start_as_current_span("local root", context=parent) as span:
        assert profile_id(span) == own_id(span)

    tracer = tracer_of(SpanProcessor(all_spans=True))
    with tracer.start_as_current_span("root"), tracer.start_as_current_span("child") as child:
        assert profile_id(child) == own_id(child)
    """
    assert passes(program, tmp_path) == ""


def test_what_is_not_sampled_is_not_profiled(tmp_path: Path) -> None:
    check_samples(
        """
        class RecordOnly(sampling.Sampler):
            def should_sample(self, *_, **__):
                return sampling.SamplingResult(sampling.Decision.RECORD_ONLY)
            def get_description(self):
                return "records, samples nothing"

        processor = SpanProcessor()
        sampled = tracer_of(processor)
        recorded = tracer_of(processor, sampler=RecordOnly())
        dropped = tracer_of(processor, sampler=sampling.ALWAYS_OFF)
        with recorded.start_as_current_span("recorded") as span:
            assert span.is_recording() and not span.attributes
            work()
        with sampled.start_as_current_span("sampled") as span:
            work(span)
            with dropped.start_as_current_span("dropped", context=context.Context()):
                work()
            work(span)
        """,
        tmp_path,
    )


def test_spans_that_a_sampler_leaves_out_belong_to_those_around(tmp_path: Path) -> None:
    check_samples(
        """
        class LeaveOut(sampling.Sampler):
            def should_sample(self, parent_context, trace_id, name, *_, **__):
                return sampling.SamplingResult(
                    sampling.Decision.DROP if name == "left out"
                    else sampling.Decision.RECORD_AND_SAMPLE)
            def get_description(self):
                return "leaves some out"

        tracer = tracer_of(SpanProcessor(), sampler=LeaveOut())
        with tracer.start_as_current_span("root") as root:
            with tracer.start_as_current_span("left out"):
                work(root)
                with tracer.start_as_current_span("child"):
                    work(root)
                token = context.attach(context.Context())
                work()
                context.detach(token)
                work(root)
            with use_span(NonRecordingSpan(root.get_span_context())):
                work(root)
            gc.collect()
            work(root)
            copied = contextvars.copy_context()
        copied.run(work)
        with tracer.start_as_current_span("left out"):
            work()
        """,
        tmp_path,
    )


def test_nothing_is_profiled_after_shutdown(tmp_path: Path) -> None:
    check_samples(
        """
        processor = SpanProcessor()
        tracer = tracer_of(processor)
        assert processor.force_flush() is True
        with tracer.start_as_current_span("before") as span:
            processor.shutdown()
            work(span)
        with tracer.start_as_current_span("after") as span:
            assert not span.attributes
            work()
        """,
        tmp_path,
    )


# ---- samples bear the ids of the span that they were taken in ----


def test_nested_spans(tmp_path: Path) -> None:
    check_samples(
        """
        tracer = tracer_of(SpanProcessor())
        work()
        with tracer.start_as_current_span("root") as root:
            work(root)
            with tracer.start_as_current_span("child"):
                work(root)
                with tracer.start_as_current_span("other", context=context.Context()) as other:
                    work(other)
                    token = context.attach(context.Context())
                    work()
                    context.detach(token)
                    work(other)
                work(root)
            work(root)
        work()
        """,
        tmp_path,
    )


def test_all_spans(tmp_path: Path) -> None:
    check_samples(
        """
        tracer = tracer_of(SpanProcessor(all_spans=True))
        with tracer.start_as_current_span("root") as root:
            work(root)
            with tracer.start_as_current_span("child") as child:
                work(child)
                with tracer.start_as_current_span("grandchild") as grandchild:
                    work(grandchild)
                work(child)
            work(root)
        work()
        """,
        tmp_path,
    )


def test_a_remote_parent(tmp_path: Path) -> None:
    check_samples(
        """
        tracer = tracer_of(SpanProcessor())
        token = context.attach(trace.set_span_in_context(NonRecordingSpan(REMOTE)))
        work()
        for _ in range(2):
            with tracer.start_as_current_span("local root") as span:
                work(span)
        work()
        context.detach(token)
        """,
        tmp_path,
    )


def test_spans_that_are_started_and_not_current(tmp_path: Path) -> None:
    check_samples(
        """
        tracer = tracer_of(SpanProcessor())
        one, two = tracer.start_span("one"), tracer.start_span("two")
        work()
        with use_span(two):
            work(two)
        work()
        with use_span(one):
            work(one)
            with use_span(two):
                work(two)
            child = tracer.start_span("child")
        with use_span(child):
            work(one)
        one.end()
        two.end()
        work()
        never_ended = tracer.start_span("never ended")
        work()
        """,
        tmp_path,
    )


def test_processors_that_are_told_in_other_threads(tmp_path: Path) -> None:
    check_samples(
        """
        from opentelemetry.sdk.trace import ConcurrentMultiSpanProcessor
        concurrent = ConcurrentMultiSpanProcessor()
        concurrent.add_span_processor(SpanProcessor())
        provider = TracerProvider(active_span_processor=concurrent, shutdown_on_exit=False)
        tracer = provider.get_tracer("test")
        with tracer.start_as_current_span("root") as root:
            work(root)
            child = tracer.start_span("child")
        with tracer.start_as_current_span("other") as other, use_span(child):
            work()  # the child's root is over
        with tracer.start_as_current_span("root") as root:
            child = tracer.start_span("child")
            with use_span(child, end_on_exit=True):
                work(root)
            copied = contextvars.copy_context()
        copied.run(work)
        """,
        tmp_path,
    )


def test_tasks_that_take_turns(tmp_path: Path) -> None:
    check_samples(
        """
        tracer = tracer_of(SpanProcessor())

        async def request(number):
            with tracer.start_as_current_span("request") as span:
                for _ in range(10):
                    work(span, 0.01)
                    await asyncio.sleep(0)
                    with tracer.start_as_current_span("query"):
                        await asyncio.gather(part(span), part(span))
            work(None, 0.01)

        async def part(span):
            await asyncio.sleep(0)
            work(span, 0.005)

        async def main():
            await asyncio.gather(*map(request, range(5)))
            work()

        asyncio.run(main())
        """,
        tmp_path,
    )


def test_a_task_that_outlives_the_span_it_was_begun_in(tmp_path: Path) -> None:
    check_samples(
        """
        tracer = tracer_of(SpanProcessor())

        async def main():
            ended = asyncio.Event()
            async def background(span):
                work(span)
                await ended.wait()
                work()
                with tracer.start_as_current_span("late child"):
                    work()
                with tracer.start_as_current_span("new", context=context.Context()) as new:
                    work(new)
                work()
            with tracer.start_as_current_span("request") as span:
                task = asyncio.create_task(background(span))
                await asyncio.sleep(0)
                work(span)
            ended.set()
            await task

        asyncio.run(main())
        """,
        tmp_path,
    )


def test_threads_are_in_a_span_that_they_are_given(tmp_path: Path) -> None:
    check_samples(
        """
        tracer = tracer_of(SpanProcessor())
        with ThreadPoolExecutor(2) as pool, tracer.start_as_current_span("root") as root:
            futures = [pool.submit(contextvars.copy_context().run, work, root) for _ in range(4)]
            futures.append(pool.submit(work))
            def attached(given):
                token = context.attach(given)
                work(root)
                context.detach(token)
                work()
            futures.append(pool.submit(attached, context.get_current()))
            work(root)
            for future in futures:
                future.result()
        """,
        tmp_path,
    )


def test_a_span_that_another_thread_ends(tmp_path: Path) -> None:
    check_samples(
        """
        tracer = tracer_of(SpanProcessor())
        with tracer.start_as_current_span("root") as root:
            other = tracer.start_span("other", context=context.Context())
            with use_span(other):
                work(other)
                ender = threading.Thread(target=other.end)
                ender.start()
                ender.join()
                work()
            work(root)
            ender = threading.Thread(target=root.end)
            ender.start()
            ender.join()
            work()
            with tracer.start_as_current_span("late child"):
                work()
        """,
        tmp_path,
    )


def test_spans_out_of_turn(tmp_path: Path) -> None:
    check_samples(
        """
        tracer = tracer_of(SpanProcessor())
        for first_has_ended in (True, False):
            first = tracer.start_span("first", context=context.Context())
            second = tracer.start_span("second", context=context.Context())
            of_first = context.attach(trace.set_span_in_context(first))
            of_second = context.attach(trace.set_span_in_context(second))
            work(second)
            if first_has_ended:
                first.end()
            context.detach(of_first)
            second.end()
            work()
            context.detach(of_second)
            work()
        """,
        tmp_path,
    )


def test_a_span_in_a_generator(tmp_path: Path) -> None:
    check_samples(
        """
        tracer = tracer_of(SpanProcessor())
        def generator():
            with tracer.start_as_current_span("its own", context=context.Context()) as span:
                work(span)
                yield span
                work(span)
        with tracer.start_as_current_span("root") as root:
            for span in generator():
                assert trace.get_current_span() is span  # so says OpenTelemetry
                work(span)
            work(root)
            unfinished = generator()
            next(unfinished)
            unfinished.close()
            work(root)
        work()
        """,
        tmp_path,
    )


def test_an_asynchronous_generator_that_is_closed_elsewhere(tmp_path: Path) -> None:
    program = """
    import logging
    logging.getLogger("opentelemetry.context").disabled = True  # it can't detach there
    tracer = tracer_of(SpanProcessor())

    async def generator():
        with tracer.start_as_current_span("of the generator") as span:
            yield span

    async def consumer(spans):
        items = generator()
        spans.append(await items.__anext__())
        work(spans[0])
        return items

    async def main():
        spans = []
        items = await asyncio.create_task(consumer(spans))
        work()
        await items.aclose()
        work()

    asyncio.run(main())
    """
    check_samples(program, tmp_path)


def test_random_trees_of_tasks_and_threads(tmp_path: Path) -> None:
    check_samples(
        """
        tracer = tracer_of(SpanProcessor())
        dice = random.Random(7)
        pool = ThreadPoolExecutor(3)
        open_spans = []

        async def node(depth, profiled):
            for _ in range(3):
                step = dice.randrange(6)
                if step == 0:
                    with tracer.start_as_current_span("root", context=context.Context()) as span:
                        await children(depth, span)
                elif step == 1:
                    with tracer.start_as_current_span("child") as span:
                        root = profiled or span
                        await children(depth, root)
                elif step == 2:
                    open_spans.append(tracer.start_span("never current"))
                elif step == 3 and open_spans:
                    open_spans.pop(dice.randrange(len(open_spans))).end()
                elif step == 4:
                    copied = contextvars.copy_context()
                    loop = asyncio.get_running_loop()
                    await loop.run_in_executor(pool, copied.run, work, profiled, 0.01)
                else:
                    await asyncio.sleep(0)
                work(profiled, 0.003)

        async def children(depth, profiled):
            work(profiled, 0.012)
            if depth:
                await asyncio.gather(*[node(depth - 1, profiled) for _ in range(2)])
            work(profiled, 0.012)

        asyncio.run(children(4, None))
        pool.shutdown()
        """,
        tmp_path,
    )


# ---- what a server gets ----


def test_ids_are_labels_of_samples_and_not_of_series(tmp_path: Path) -> None:
    with PushServer() as server:
        program = f"""
        import pyroscope_native
        pyroscope_native.configure(application_name="shop", server_address={server.address!r})
        with tracer_of(SpanProcessor()).start_as_current_span("by id") as span:
            work(span, 0.3)
        named = tracer_of(SpanProcessor(span_name=True))
        with named.start_as_current_span("by name"):
            burn(0.3)
        pyroscope_native.shutdown()
        """
        assert passes(program, tmp_path) == ""
        assert server.faults == []
        labels = set()
        for push in server.pushes:
            assert not set(IDS) & set(push.labels)
            labels |= {tuple(name for name, _ in sample.labels) for sample in push.profile.samples}
    assert {("span_id", "trace_id"), ("span_id", "span_name", "trace_id")} <= labels


# ---- the program is left alone ----


def test_without_opentelemetry_the_import_says_what_to_install(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['opentelemetry'] = None; "
        "import pyroscope_native.integrations.opentelemetry"
    )
    done = python("-c", program, cwd=tmp_path)
    assert "ImportError: pyroscope_native.integrations.opentelemetry needs" in done.stderr
    assert "pip install opentelemetry-sdk" in done.stderr


def test_errors_are_logged_once_and_not_raised(tmp_path: Path) -> None:
    said = passes(
        """
        from pyroscope_native.integrations import opentelemetry as ours
        def fail(*_, **__):
            raise RuntimeError("on purpose")
        tracer = tracer_of(SpanProcessor())
        with tracer.start_as_current_span("before it fails"):
            ours._ProfiledSpan = ours._profiled_of = fail
            for _ in range(3):
                with tracer.start_as_current_span("root", context=context.Context()) as span:
                    assert trace.get_current_span() is span
                assert trace.get_current_span() is not span
        """,
        tmp_path,
    )
    assert said.count("on purpose") == 1
    assert "samples may lack labels of spans" in said


def test_tokens_from_before_and_used_up_ones(tmp_path: Path) -> None:
    said = passes(
        """
        before = context.attach({"key": "value"})
        first, second = SpanProcessor(), SpanProcessor()
        follower = context._RUNTIME_CONTEXT
        SpanProcessor()
        assert context._RUNTIME_CONTEXT is follower
        token = context.attach(trace.set_span_in_context(tracer_of(first).start_span("root")))
        context.detach(token)
        assert context.get_current() == {"key": "value"}
        context.detach(token)
        context.detach(before)
        assert context.get_current() == {}
        """,
        tmp_path,
    )
    assert said.count("Failed to detach context") == 1  # by OpenTelemetry, as without us
    assert "pyroscope_native:" not in said


def test_nothing_is_kept_of_spans_that_are_gone(tmp_path: Path) -> None:
    program = """
    from pyroscope_native.integrations import opentelemetry as ours
    tracer = tracer_of(SpanProcessor())
    for _ in range(100):
        with tracer.start_as_current_span("root") as root:
            with tracer.start_as_current_span("child") as child:
                pass
        tracer.start_span("never ended")
    del root, child
    gc.collect()
    assert not ours._spans and not ours._profiled
    """
    assert passes(program, tmp_path) == ""
