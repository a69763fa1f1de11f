# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""CPU time of RQ workers by task."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.noted import check_program, check_pushed

pytest.importorskip("rq")
pytest.importorskip("fakeredis")

FUNCTIONS = {name: f"rq_jobs.{name}" for name in ("count_job", "fail_job", "async_job")}


def test_rq_in_one_process(tmp_path: Path) -> None:
    check_program(("rq_worker.py", "SimpleWorker"), tmp_path, ("task",), FUNCTIONS)


def test_rq_in_work_horses(tmp_path: Path) -> None:
    """Each is a fork that ends by `os._exit`, and its one window arrives."""
    check_pushed(("rq_worker.py", "Worker"), tmp_path, ("task",), FUNCTIONS)
    assert len(list(tmp_path.glob("*.notes"))) == 12 + 1
