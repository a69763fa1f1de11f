# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A thread that works a tenth of the time, beside eight that sleep."""

from __future__ import annotations

import threading
import time
from functools import partial

from benchmarks.workloads._truth import noted, spin

TRUTH: dict[str, int] = {}
_working = noted(partial(spin, 90), TRUTH, "working")
_waiting = noted(partial(time.sleep, 0.025), TRUTH, "waiting")
_over = threading.Event()
_sleeping = [noted(_over.wait, TRUTH, f"sleeping_{number}") for number in range(8)]


def run() -> int:
    """About a third of a second of CPU in three."""
    threads = [threading.Thread(target=target) for target in _sleeping]
    for thread in threads:
        thread.start()
    for _ in range(110):
        _working()
        _waiting()
    _over.set()
    for thread in threads:
        thread.join()
    return 0
