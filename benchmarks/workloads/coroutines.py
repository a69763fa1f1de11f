# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Five hundred tasks that take turns."""

from __future__ import annotations

import asyncio


async def _task() -> int:
    total = 0
    for _ in range(40):
        total += sum(range(200))
        await asyncio.sleep(0)
    return total


async def _main() -> None:
    for _ in range(35):
        await asyncio.gather(*[_task() for _ in range(500)])


def run() -> int:
    """About two seconds of CPU."""
    asyncio.run(_main())
    return 0
