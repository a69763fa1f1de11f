# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The program of which `memory` sees whether it grows: things come and go, window by window.

    python -m benchmarks.memory_churn THINGS WINDOWS SINK RESULT

Each thing is sampled; after a hundred of them the window is pushed. Without a SINK the
same is done, but not profiled. The result is the program's resident memory, in kB, after
each window.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
from array import array
from collections.abc import Callable
from pathlib import Path

import pyroscope_native
from benchmarks.native import ticks_here
from benchmarks.processes import resident_kb

IN_A_WINDOW = 100

_Sample = Callable[[], None]
_Batch = Callable[[_Sample, int], None]


def threads(sample: _Sample, window: int) -> None:
    """Threads that are started, and end."""
    for _ in range(IN_A_WINDOW):
        thread = threading.Thread(target=sample)
        thread.start()
        thread.join()


def functions(sample: _Sample, window: int) -> None:
    """Functions that are compiled, called and dropped."""
    for _ in range(IN_A_WINDOW):
        exec("def function():\n    sample()\nfunction()", {"sample": sample})


def labels(sample: _Sample, window: int) -> None:
    """Label sets with values that were never there before."""
    for number in range(IN_A_WINDOW):
        with pyroscope_native.tag_wrapper({"request": f"{window}-{number}", "method": "GET"}):
            sample()


def nothing(sample: _Sample, window: int) -> None:
    """A hundred samples that are the same in each window."""
    for _ in range(IN_A_WINDOW):
        sample()


BATCHES: dict[str, _Batch] = {
    "threads": threads,
    "functions": functions,
    "label sets": labels,
    "windows": nothing,
}


def _nothing() -> None:
    pass


def _tick() -> None:
    ticks_here()(1)


def _go_around_the_ring() -> None:
    """A mebibyte, touched as it is used."""
    tick = ticks_here()
    for _ in range(2):
        tick(10_000)
        pyroscope_native.flush(60)


def measure(batch: _Batch, count: int, sink: str) -> list[int]:
    """Resident memory after each of so many windows.

    Raises:
        RuntimeError: a window has not been pushed
    """
    if sink:
        pyroscope_native.configure(
            application_name="benchmark", server_address=sink, upload_interval=3600
        )
        _go_around_the_ring()
    resident = array("l", [0]) * count  # which does not grow
    for window in range(count):
        batch(_tick if sink else _nothing, window)
        if sink and not pyroscope_native.flush(60):
            raise RuntimeError("a window has not been pushed")
        gc.collect()  # what has grown after that is in use
        resident[window] = resident_kb(os.getpid())
    return resident.tolist()


def main() -> None:
    """Measure, and write the result."""
    things, count, sink, result = sys.argv[1:]
    resident = measure(BATCHES[things], int(count), sink)
    Path(result).write_text(json.dumps(resident))


if __name__ == "__main__":
    main()
