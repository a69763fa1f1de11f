# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A program that calls all that the package offers, where nothing can be profiled."""

import asyncio
import threading

import pyroscope_native
from pyroscope_native import profile, tag_wrapper
from pyroscope_native.integrations.asgi import Middleware as ASGIMiddleware
from pyroscope_native.integrations.wsgi import Middleware as WSGIMiddleware

assert pyroscope_native.install_as_pyroscope()
import pyroscope  # noqa: E402  as programs written for pyroscope-io do

for name in pyroscope_native.__all__:
    assert getattr(pyroscope_native, name) is getattr(pyroscope, name), name

for _ in range(2):
    assert not pyroscope.configure(
        application_name="shop",
        server_address="http://127.0.0.1:9",
        tags={"env": "prod"},
        upload_interval=1,
        serve_address="unix:shop.sock",
        spool_directory="spool",
        bearer_token_file="token",
        line_no=pyroscope.LineNo.First,
    )
assert not pyroscope_native.configure()
assert pyroscope_native.stats() is None
assert not pyroscope_native.flush()
assert not pyroscope_native.shutdown()
with profile("block.html", "block.pb.gz", sample_rate=1000):
    pass

assert not pyroscope_native.add_thread_tag("name", "value")
assert not pyroscope_native.remove_thread_tag("name", "value")
with tag_wrapper({"tenant": "a"}), tag_wrapper({"tenant": "b", "number": 7}) as entered:
    assert entered is None


@tag_wrapper({"kind": "function"})
def function(value):
    return value


@tag_wrapper({"kind": "coroutine"})
async def coroutine(value):
    await asyncio.sleep(0)
    return value


@tag_wrapper({"kind": "generator"})
def generator(value):
    yield value


@tag_wrapper({"kind": "asynchronous generator"})
async def asynchronous_generator(value):
    yield value


async def drive():
    assert await coroutine(2) == 2
    assert [each async for each in asynchronous_generator(4)] == [4]


assert function(1) == 1
assert list(generator(3)) == [3]


def drive_by_hand():
    """Without an event loop: those of this platform may want what is not there."""
    steps = drive()
    try:
        while True:
            steps.send(None)
    except StopIteration:
        pass


drive_by_hand()
thread = threading.Thread(target=tag_wrapper({"kind": "thread"})(drive_by_hand))
thread.start()
thread.join()


def application(environ, start_response):
    yield b"body"


body = WSGIMiddleware(application, lambda environ: "/")({"REQUEST_METHOD": "GET"}, print)
assert list(body) == [b"body"]
body.close()


async def asgi_application(scope, receive, send):
    await send({"type": "sent"})


sent = []


async def send(message):
    sent.append(message)


calling = ASGIMiddleware(asgi_application, lambda scope: "/")({"type": "http"}, None, send)
try:
    calling.send(None)
except StopIteration:
    pass
assert sent == [{"type": "sent"}]

print("accepted")
