# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Programs written for pyroscope-io that tag, with another import; and pyroscope-otel."""

from __future__ import annotations

from collections import Counter
from importlib.metadata import PackageNotFoundError, version

import pytest

from tests.support.push_server import PushServer
from tests.support.python import python

PROGRAM = """
import os, threading, time
import pyroscope_native as pyroscope
def burn(seconds=0.2):
    end = time.thread_time() + seconds
    while time.thread_time() < end: pass
pyroscope.configure(application_name="ride-sharing-app", server_address=os.environ["ADDRESS"],
                    tags={"region": "eu-north"})
"""


def weights(code: str, *names: str) -> dict[tuple[str, ...], float]:
    """CPU seconds by the values of the labels `names` ("" where there is none)."""
    with PushServer() as server:
        done = python("-c", PROGRAM + code, env={"ADDRESS": server.address})
        assert (done.returncode, done.stderr) == (0, "")
        assert server.faults == []
        found: Counter[tuple[str, ...]] = Counter()
        for push in server.pushes:
            assert push.labels["region"] == "eu-north"
            for sample in push.profile.samples:
                labels = dict(sample.labels)
                found[tuple(labels.get(name, "") for name in names)] += sample.values[0]
    return {values: weight_ns / 1e9 for values, weight_ns in found.items()}


def is_one_burn(seconds: float) -> bool:
    """What `burn()` uses, give or take a period and what the kernel's ticks miss."""
    return 0.1 < seconds < 0.3


def test_a_block_is_tagged() -> None:
    found = weights(
        """
with pyroscope.tag_wrapper({"controller": "slow_controller_i_want_to_profile"}):
    burn()
burn()
""",
        "controller",
    )
    assert set(found) == {("slow_controller_i_want_to_profile",), ("",)}
    assert is_one_burn(found["slow_controller_i_want_to_profile",])


def test_two_functions_that_tag_themselves() -> None:
    found = weights(
        """
def fast_function():
    with pyroscope.tag_wrapper({"function": "fast"}): burn(0.02)
def slow_function():
    with pyroscope.tag_wrapper({"function": "slow"}): burn(0.08)
for _ in range(10):
    fast_function()
    slow_function()
""",
        "function",
    )
    assert 0.1 < found["fast",] < 0.35
    assert 0.6 < found["slow",] < 1.0
    assert found.get(("",), 0.0) < 0.1


def test_tags_nest() -> None:
    found = weights(
        """
with pyroscope.tag_wrapper({"outer": "1", "both": "outer"}):
    with pyroscope.tag_wrapper({"inner": "1", "both": "inner"}):
        burn()
    burn()
burn()
""",
        "outer",
        "inner",
        "both",
    )
    assert set(found) == {("1", "1", "inner"), ("1", "", "outer"), ("", "", "")}
    assert is_one_burn(found["1", "1", "inner"])
    assert is_one_burn(found["1", "", "outer"])


def test_a_block_that_raises_ends_its_tag() -> None:
    found = weights(
        """
try:
    with pyroscope.tag_wrapper({"vehicle": "car"}):
        raise KeyError
except KeyError:
    burn()
""",
        "vehicle",
    )
    assert set(found) == {("",)}


def test_thread_tags_are_of_the_thread_that_adds_them() -> None:
    found = weights(
        """
pyroscope.add_thread_tag("job", "main")
def work():
    pyroscope.add_thread_tag("job", "worker")
    burn()
    pyroscope.remove_thread_tag("job", "worker")
thread = threading.Thread(target=work)
thread.start()
thread.join()
burn()
pyroscope.remove_thread_tag("job", "main")
pyroscope.remove_thread_tag("job", "never added")
burn()
""",
        "job",
    )
    assert set(found) == {("worker",), ("main",), ("",)}
    assert is_one_burn(found["worker",])
    assert is_one_burn(found["main",])


def test_samples_tell_where_they_were_taken() -> None:
    with PushServer() as server:
        code = """
import os, threading, time
import pyroscope_native as pyroscope
pyroscope.configure(application_name="app", server_address=os.environ["ADDRESS"],
                    report_pid=True, report_thread_id=True, report_thread_name=True)
def work():
    end = time.thread_time() + 0.2
    while time.thread_time() < end: pass
    print(os.getpid(), threading.get_native_id())
thread = threading.Thread(target=work, name="worker")
thread.start()
thread.join()
"""
        done = python("-c", code, env={"ADDRESS": server.address})
        assert (done.returncode, done.stderr) == (0, "")
        pid, thread_id = done.stdout.split()
        labels = [
            dict(sample.labels)
            for push in server.pushes
            for sample in push.profile.samples
            if "work" in {frame.name for frame in sample.stack}
        ]
    assert labels
    for each in labels:
        assert each == {"pid": pid, "thread_id": thread_id, "thread_name": "worker"}


RIDES = """
def find_nearest_vehicle(n, vehicle):
    with pyroscope.tag_wrapper({"vehicle": vehicle}):
        burn(n)
"""


def test_rides_from_a_wsgi_server() -> None:
    """As Flask and Django serve them."""
    found = weights(
        RIDES
        + """
import socketserver, urllib.request, wsgiref.simple_server as simple
class Server(socketserver.ThreadingMixIn, simple.WSGIServer): pass
class Quiet(simple.WSGIRequestHandler):
    def log_message(self, *_): pass
def app(environ, start_response):
    find_nearest_vehicle(0.2, environ["PATH_INFO"].strip("/"))
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b"<p>ordered</p>"]
with simple.make_server("127.0.0.1", 0, app, Server, Quiet) as server:
    threading.Thread(target=server.serve_forever).start()
    for path in ("bike", "scooter", "car"):
        urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/{path}").read()
    server.shutdown()
""",
        "vehicle",
    )
    assert set(found) - {("",)} == {("bike",), ("scooter",), ("car",)}
    for vehicle in ("bike", "scooter", "car"):
        assert is_one_burn(found[vehicle,])


def test_rides_from_an_asyncio_server() -> None:
    """As FastAPI serves them: plain functions in a pool of threads."""
    found = weights(
        RIDES
        + """
import asyncio
async def serve():
    loop = asyncio.get_running_loop()
    await asyncio.gather(*[loop.run_in_executor(None, find_nearest_vehicle, 0.2, vehicle)
                           for vehicle in ("bike", "scooter", "car")])
asyncio.run(serve())
""",
        "vehicle",
    )
    assert set(found) - {("",)} == {("bike",), ("scooter",), ("car",)}
    for vehicle in ("bike", "scooter", "car"):
        assert is_one_burn(found[vehicle,])


def test_span_ids_come_from_pyroscope_otel() -> None:
    try:  # importing it here would import pyroscope-io
        version("pyroscope-otel")
    except PackageNotFoundError:
        pytest.skip("no pyroscope-otel")
    with PushServer() as server:
        code = """
import sys, pyroscope_native
assert pyroscope_native.install_as_pyroscope()
import pyroscope
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from pyroscope.otel import PyroscopeSpanProcessor
assert "pyroscope._native" not in sys.modules
provider = TracerProvider()
provider.add_span_processor(PyroscopeSpanProcessor())
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("rides")
with tracer.start_as_current_span("order") as span:
    burn()
    with tracer.start_as_current_span("check"):
        burn()
    context = span.get_span_context()
    assert span.attributes["pyroscope.profile.id"] == f"{context.span_id:016x}"
    print(f"{context.span_id:016x} {context.trace_id:032x}")
burn()
"""
        done = python("-c", PROGRAM + code, env={"ADDRESS": server.address})
        assert (done.returncode, done.stderr) == (0, "")
        span_id, trace_id = done.stdout.split()
        found: Counter[tuple[str, ...]] = Counter()
        for push in server.pushes:
            for sample in push.profile.samples:
                labels = dict(sample.labels)
                ids = tuple(labels.get(n, "") for n in ("span_id", "span_name", "trace_id"))
                found[ids] += sample.values[0]
    assert set(found) == {(span_id, "order", trace_id), ("", "", "")}
    assert 0.25e9 < found[span_id, "order", trace_id] < 0.55e9
