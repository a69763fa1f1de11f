# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks profile: each a function that does a fixed amount of work."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import Callable


def recursion() -> None:
    """Thirty frames, pure Python."""

    def work(depth: int) -> int:
        if depth:
            return work(depth - 1)
        total = 0
        for i in range(20_000):
            total += i
        return total

    for _ in range(4000):
        work(28)


def calls() -> None:
    """Mostly calls and returns."""

    def fibonacci(n: int) -> int:
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    for _ in range(12):
        fibonacci(28)


def threads() -> None:
    """Four threads that contend for the GIL, and release it for hashing."""

    def work() -> None:
        data = b"x" * 200_000
        for _ in range(400):
            hashlib.sha256(data).digest()
            json.dumps(list(range(2000)))

    started = [threading.Thread(target=work) for _ in range(4)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


def coroutines() -> None:
    """Five hundred tasks that take turns."""

    async def task() -> int:
        total = 0
        for _ in range(40):
            total += sum(range(200))
            await asyncio.sleep(0)
        return total

    async def main() -> None:
        await asyncio.gather(*[task() for _ in range(500)])

    for _ in range(16):
        asyncio.run(main())


WORKLOADS: dict[str, Callable[[], None]] = {
    "recursion": recursion,
    "calls": calls,
    "threads": threads,
    "coroutines": coroutines,
}
