# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""How long to wait before the next try."""

from __future__ import annotations

import os
from collections.abc import Callable

_FIRST_S = 0.5
_LONGEST_S = 60.0


def random_share() -> float:
    """0 to 1, at random; the program's own `random` is left alone."""
    return int.from_bytes(os.urandom(4), "big") / 2**32


class Backoff:
    """Waits that grow with each failure, each a random part of its limit: so clients that
    have failed together don't come back together."""

    def __init__(self, share: Callable[[], float] = random_share) -> None:
        self._share = share
        self.failures = 0
        """Since the last success."""
        self.not_before_s = 0.0
        """When to try again, by the monotonic clock."""

    def fail(self, now_s: float) -> None:
        """Another try has failed."""
        limit_s = min(_LONGEST_S, _FIRST_S * 2 ** min(self.failures, 10))
        self.failures += 1
        self.not_before_s = now_s + self._share() * limit_s

    def reset(self) -> None:
        """All is well."""
        self.failures, self.not_before_s = 0, 0.0
