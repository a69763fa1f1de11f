# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""CPU time of Django projects by endpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.noted import check_program
from tests.support.python import python

FUNCTIONS = {
    "sync_view": "GET /users/<int:number>/",
    "async_view": "GET /shop/items/<slug:name>",
    "in_thread": "GET /shop/items/<slug:name>",
    "put": r"PUT /^reports/(?P<year>\d+)/$",
    "stream_chunks": "GET /stream",
}


def test_django_by_wsgi_under_load(tmp_path: Path) -> None:
    pytest.importorskip("django")
    check_program(("serve_django.py", "wsgi"), tmp_path, ("method", "endpoint"), FUNCTIONS)


def test_django_by_asgi_under_load(tmp_path: Path) -> None:
    pytest.importorskip("django")
    pytest.importorskip("uvicorn")
    functions = {**FUNCTIONS, "async_stream_chunks": "GET /async-stream"}
    check_program(("serve_django.py", "asgi"), tmp_path, ("method", "endpoint"), functions)


def test_django_files_are_the_servers_to_send() -> None:
    pytest.importorskip("django")
    program = """
import django
from django.conf import settings
from django.http import FileResponse
from django.test import RequestFactory
settings.configure()
from pyroscope_native.integrations.django import Middleware
file = open(django.__file__, "rb")
handle = Middleware(lambda request: FileResponse(file))
assert handle(RequestFactory().get("/")).file_to_stream is file
"""
    done = python("-c", program)
    assert done.returncode == 0, done.stderr
