# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A storm of ticks for the threads of this process, while a block runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection
from types import TracebackType

from pyroscope_native import _core
from tests.support import storm


class Storm:
    """Sends ticks to the threads that were sampled when `aim` was last called, or to
    those of them that it was told. After each hundred for each it rests for `rest_s`
    seconds."""

    def __init__(self, rest_s: float = 0.0) -> None:
        self._rest_s = rest_s

    def __enter__(self) -> Storm:
        self._sender = subprocess.Popen(
            [sys.executable, storm.__file__, str(os.getpid()), str(self._rest_s)],
            stdin=subprocess.PIPE,
            text=True,
        )
        self.aim()
        return self

    def aim(self, tids: Collection[int] | None = None) -> None:
        assert self._sender.stdin is not None
        targets = ", ".join(
            f"{tid} {cookie}" for tid, cookie in _core.threads() if tids is None or tid in tids
        )
        if targets:
            self._sender.stdin.write(targets + "\n")
            self._sender.stdin.flush()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._sender.stdin is not None
        self._sender.stdin.close()
        self._sender.wait()
