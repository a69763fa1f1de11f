# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Threads that burn CPU while a program does something else.

Importing this starts nothing; `with Load(): …` does.
"""

from __future__ import annotations

import sys
import threading
import zlib
from types import TracebackType


class Load:
    """`python` threads that run Python all the time, and `c` that run C without the GIL."""

    def __init__(self, python: int = 1, c: int = 1) -> None:
        self._over = False
        self._threads = [
            threading.Thread(target=work, daemon=True)
            for work, count in ((self._python, python), (self._c, c))
            for _ in range(count)
        ]

    def _python(self) -> None:
        while not self._over:
            sum(range(500))

    def _c(self) -> None:
        data = bytes(1 << 17)
        while not self._over:
            zlib.crc32(data)

    def __enter__(self) -> Load:
        # Who waits for the GIL has it soon.
        self._switch_interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-4)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over = True
        for thread in self._threads:
            thread.join()
        sys.setswitchinterval(self._switch_interval)
