# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""CPU time of FastAPI applications by endpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.noted import check_program


def test_fastapi_under_load(tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    report = "GET /reports/{year:int}"
    check_program(
        ("serve_fastapi.py",),
        tmp_path,
        ("method", "endpoint"),
        {
            "read_item": "GET /items/{item_id}",
            "write_item": "PUT /items/{item_id}",
            "report_dependency": report,
            "report_background": report,
            "report_background_async": report,
            "order_chunks": "GET /v1/orders/{order_id}/lines",
            "file_chunks": "GET /v1/orders/{order_id}/file",
            "read_user": "GET /admin/{tenant}/users/{name}",
        },
    )
