# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Windows of ten seconds of a busy service, filled in a moment.

The stacks of `stacks`, with the labels that its code sets, are walked by the real handler
for ticks of ours: everything behind the kernel's timer is as it is in production.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import NamedTuple

from benchmarks import stacks
from benchmarks.native import ticks_here
from pyroscope_native.labels import tag_wrapper

LABEL_SETS = 1000


class Size(NamedTuple):
    """How much is in a window."""

    rate_hz: int
    labelled: bool

    @property
    def samples(self) -> int:
        """Of ten seconds of one busy thread."""
        return self.rate_hz * 10

    @property
    def of(self) -> dict[str, str]:
        """As figures say it."""
        labels = f"{LABEL_SETS} sets" if self.labelled else "none"
        return {"rate": f"{self.rate_hz} Hz", "labels": labels}


SIZES = (Size(100, False), Size(1000, False), Size(1000, True))


def _labels(number: int) -> dict[str, str]:
    tenant, endpoint = divmod(number % LABEL_SETS, 100)
    return {"endpoint": f"/api/things/{endpoint}/{{id}}", "method": "GET", "tenant": f"t{tenant}"}


class Filler:
    """Fills windows of one size, in the thread that has made it."""

    def __init__(self, size: Size) -> None:
        tick = ticks_here()
        self._size = size
        self._paths = stacks.paths(lambda: tick(1))

    def fill(self, after_each_thousand: Callable[[], None]) -> None:
        """Take the samples of a window, in turns around all stacks; the ring has room for
        two thousand."""
        for turn in range(self._size.samples // len(self._paths)):
            for number, path in enumerate(self._paths):
                # A stack has another label set in each turn.
                with tag_wrapper(_labels(number + turn)) if self._size.labelled else _NOTHING:
                    stacks.stand_in(path)
            after_each_thousand()


_NOTHING = nullcontext()
