# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A thread that works a tenth of the time, beside eight that sleep.

What it does takes irregular times, so that nothing is in step with it.
"""

from __future__ import annotations

import random
import threading
import time
from functools import partial

from benchmarks.workloads._truth import noted, spin

TRUTH: dict[str, int] = {}
_working = noted(spin, TRUTH, "working")
_waiting = noted(partial(time.sleep, 0.025), TRUTH, "waiting")
_over = threading.Event()
_sleeping = [noted(_over.wait, TRUTH, f"sleeping_{number}") for number in range(8)]


def run() -> int:
    """About 0.7 seconds of CPU in seven."""
    threads = [threading.Thread(target=target) for target in _sleeping]
    for thread in threads:
        thread.start()
    lengths = random.Random(1)
    for _ in range(220):
        _working(lengths.randrange(180))
        _waiting()
    _over.set()
    for thread in threads:
        thread.join()
    return 0
