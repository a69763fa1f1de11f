# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A Django project of all kinds of views, under load: `asgi` or `wsgi`."""

import asyncio
import sys

import django
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import include, path, re_path
from django.views import View

from tests.support.noting import EXPECT, burn, serve_asgi, serve_wsgi


def burning_middleware(get_response):
    """Can't be asynchronous: Django runs it, and all within, in a thread."""

    def handle(request):
        burn(request.headers[EXPECT], 0.002)
        return get_response(request)

    return handle


def sync_view(request, number):
    burn("GET /users/<int:number>/")
    return HttpResponse("user")


async def async_view(request, name):
    burn("GET /shop/items/<slug:name>")
    await asyncio.sleep(0.001)
    await sync_to_async(in_thread)()
    return HttpResponse("item")


def in_thread():
    burn("GET /shop/items/<slug:name>")


class ClassView(View):
    def put(self, request, year):
        burn(r"PUT /^reports/(?P<year>\d+)/$", 0.012)
        return HttpResponse("report")


def stream_view(request):
    def stream_chunks():
        for _ in range(3):
            burn("GET /stream", 0.004)
            yield "chunk"

    return StreamingHttpResponse(stream_chunks())


async def async_stream_view(request):
    async def async_stream_chunks():
        for _ in range(3):
            burn("GET /async-stream", 0.004)
            await asyncio.sleep(0)
            yield "chunk"

    return StreamingHttpResponse(async_stream_chunks())


requests = [
    ("GET", "/users/17/", "GET /users/<int:number>/"),
    ("GET", "/shop/items/a-b", "GET /shop/items/<slug:name>"),
    ("PUT", "/reports/2024/", r"PUT /^reports/(?P<year>\d+)/$"),
    ("GET", "/stream", "GET /stream"),
    ("GET", "/nothing/here", "GET [unmatched]"),
]
urlpatterns = [
    path("users/<int:number>/", sync_view),
    path("shop/", include([path("items/<slug:name>", async_view)])),
    re_path(r"^reports/(?P<year>\d+)/$", ClassView.as_view()),
    path("stream", stream_view),
]
if sys.argv[1] == "asgi":
    urlpatterns.append(path("async-stream", async_stream_view))
    requests.append(("GET", "/async-stream", "GET /async-stream"))

settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    LOGGING_CONFIG=None,
    MIDDLEWARE=[
        "pyroscope_native.integrations.django.Middleware",
        "django.middleware.common.CommonMiddleware",
        f"{__name__}.burning_middleware",
    ],
)
django.setup(set_prefix=False)
if sys.argv[1] == "asgi":
    serve_asgi(get_asgi_application(), requests)
else:
    serve_wsgi(get_wsgi_application(), requests)
