# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Celery: `instrument()`."""

from __future__ import annotations

from typing import Any

from billiard import common
from celery import signals

from pyroscope_native.labels import tag_wrapper


def instrument() -> None:
    """Label tasks by their names, in whatever pool they run, and eager ones. Processes
    that are forked from this one then go on being profiled."""
    # Without an event loop they would first of all take SIGPROF, to exit at it.
    common.TERMSIGS_FULL.discard("SIGPROF")
    signals.task_prerun.connect(_enter)
    signals.task_postrun.connect(_leave)


def _enter(task: Any, **_: Any) -> None:
    # A request is of one run, also where a task calls itself or is tried again.
    task.request.pyroscope_native = scope = tag_wrapper({"task": task.name})
    scope.__enter__()


def _leave(task: Any, **_: Any) -> None:
    scope = getattr(task.request, "pyroscope_native", None)
    if scope is not None:
        scope.__exit__(None, None, None)
