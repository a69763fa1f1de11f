# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Threads that work within labels which say for which request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from benchmarks.workloads._threads import in_threads
from benchmarks.workloads._truth import noted, spin

REQUESTS = range(8)
TRUTH: dict[str, int] = {}
_works = [noted(partial(spin, 9), TRUTH, f"request_{request}") for request in REQUESTS]


def scope(labels: Mapping[str, str]) -> AbstractContextManager[None]:
    """In its place comes the profiler's, if it has labels."""
    return nullcontext()


def _serve(request: int, work: Callable[[], None]) -> None:
    for _ in range(1000):
        with scope({"request": f"request_{request}"}):
            work()


def run() -> int:
    """About two seconds of CPU."""
    return in_threads(partial(_serve, request, _works[request]) for request in REQUESTS)
