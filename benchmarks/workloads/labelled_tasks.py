# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""asyncio tasks that take turns, each with a name, and within a label, that says for which
request it works."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from benchmarks.workloads._truth import noted, spin

REQUESTS = range(8)
TRUTH: dict[str, int] = {}
_works = [noted(partial(spin, 4 + request), TRUTH, f"request_{request}") for request in REQUESTS]


def scope(labels: Mapping[str, str]) -> AbstractContextManager[None]:
    """In its place comes the profiler's, if it has labels."""
    return nullcontext()


async def _task(request: int, work: Callable[[], None]) -> None:
    for _ in range(12):
        with scope({"request": f"request_{request}"}):
            for _ in range(6):
                work()
                await asyncio.sleep(0)


async def _main() -> None:
    for _ in range(3):
        tasks = [
            asyncio.create_task(_task(request, _works[request]), name=f"request_{request}")
            for request in REQUESTS
            for _ in range(6)
        ]
        await asyncio.gather(*tasks)


def run() -> int:
    """About two seconds of CPU."""
    asyncio.run(_main())
    return 0
