# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""CPU time of Celery workers by task."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.noted import check_program, check_pushed

pytest.importorskip("celery")

FUNCTIONS = {
    "add_task": "add",
    "retry_task": "retry",
    "fail_task": "fail",
    "reject_task": "reject",
    "ignore_task": "ignore",
}


@pytest.mark.parametrize("pool", ["solo", "threads", "gevent"])
def test_celery_under_load(pool: str, tmp_path: Path) -> None:
    if pool == "gevent":
        pytest.importorskip("gevent")
    check_program(("celery_tasks.py", pool), tmp_path, ("task",), FUNCTIONS)


def test_celery_in_processes(tmp_path: Path) -> None:
    """They are forks that end by `os._exit`, and their last windows arrive."""
    check_pushed(("celery_tasks.py", "prefork"), tmp_path, ("task",), FUNCTIONS)
    assert len(list(tmp_path.glob("*.notes"))) > 2
