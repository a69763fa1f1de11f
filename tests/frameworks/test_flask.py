# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""CPU time of Flask applications by endpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.noted import check_program
from tests.support.scopes import recorded_scopes


def test_flask_under_load(tmp_path: Path) -> None:
    pytest.importorskip("flask")
    pytest.importorskip("asgiref")
    check_program(
        ("serve_flask.py",),
        tmp_path,
        ("method", "endpoint"),
        {
            "async_view": "GET /async/<name>",
            "row_chunks": "GET /rows/<path:name>",
            "order": "POST /shop/orders",
        },
    )


@pytest.mark.parametrize(
    ("method", "path", "endpoint"),
    [
        ("GET", "/", "/"),
        ("GET", "/users/17/", "/users/<int:number>/"),
        ("GET", "/users/x/", "[unmatched]"),
        ("GET", "/users/17", "[unmatched]"),
        ("POST", "/users/17/", "[unmatched]"),
        ("GET", "/static/a/b.css", "/static/<path:filename>"),
    ],
)
def test_endpoints(method: str, path: str, endpoint: str) -> None:
    flask = pytest.importorskip("flask")
    from pyroscope_native.integrations.flask import instrument

    app = flask.Flask("app")
    instrument(app)
    app.add_url_rule("/", view_func=lambda: "", endpoint="root")
    app.add_url_rule("/users/<int:number>/", view_func=lambda number: "", endpoint="user")
    with recorded_scopes() as scopes:
        app.test_client().open(path, method=method)
    assert scopes.entered[0] == {"method": method, "endpoint": endpoint}
