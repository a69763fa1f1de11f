# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""How far a benchmark has come, and how long it may still take."""

from __future__ import annotations

import time
from collections.abc import Callable


class Progress:
    """Counts the runs of a benchmark; the rest is taken to be as long as those were."""

    def __init__(
        self, runs: int, say: Callable[[str], None], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._runs = runs
        self._done = 0
        self._say = say
        self._now = now
        self._began = now()

    def ran(self) -> None:
        """Another run is over."""
        self._done += 1

    def announce(self, what: str) -> None:
        """Say what comes next."""
        if self._done:
            each = (self._now() - self._began) / self._done
            what += f" (about {each * (self._runs - self._done) / 60:.1f} min to go)"
        self._say(what)
