# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The short program of which `start` sees how long a profiler keeps it.

    python -m benchmarks.start_program PROFILER RECORDING RESULT

The result is a `Started`. What it has imported before it begins is `typing`, `json` and
what those import, and no profiler.
"""

from __future__ import annotations

import builtins
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import reference
from benchmarks.processes import resident_kb
from benchmarks.profilers import PROFILERS, Recording

_WORK_S = 0.1
"""Of CPU time, so that there is a profile."""


class Started(NamedTuple):
    """How it began; nothing of it is known of a profiler outside of the process."""

    cpu_ns: int
    """CPU time of the process, of both that follow."""
    import_ns: int
    start_ns: int
    imported_kb: int
    """By how much resident memory has grown when the profiler is imported."""
    started_kb: int
    """The same when it has begun."""
    reference_ns: int
    """CPU time of a thousand steps of the reference."""
    last_line_ns: int
    """When the work was done, by the monotonic clock."""


class _Imports:
    """Times the import statements of one module."""

    def __init__(self, module: str) -> None:
        self._module = module
        self.ns = self.kb = 0
        self.looking_ns = 0
        """What it took to look at the memory."""

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Meanwhile."""
        plain = builtins.__import__

        def timed(name: str, globals: Any = None, *arguments: Any, **keywords: Any) -> Any:
            if globals is None or globals.get("__name__") != self._module:
                return plain(name, globals, *arguments, **keywords)
            looked_ns, before_kb = time.perf_counter_ns(), resident_kb(os.getpid())
            began_ns = time.perf_counter_ns()
            module = plain(name, globals, *arguments, **keywords)
            ended_ns = time.perf_counter_ns()
            self.ns += ended_ns - began_ns
            self.kb += resident_kb(os.getpid()) - before_kb
            self.looking_ns += began_ns - looked_ns + time.perf_counter_ns() - ended_ns
            return module

        builtins.__import__ = timed
        try:
            yield
        finally:
            builtins.__import__ = plain


def _work() -> None:
    until_s = time.process_time() + _WORK_S
    while time.process_time() < until_s:
        sum(range(1000))


def main() -> None:
    """Begin, work a little, write the result, and end."""
    profiler, recording, result = sys.argv[1:]
    module = PROFILERS[profiler].load()
    begin = getattr(module, "begin", lambda recording: lambda: None)
    imports = _Imports(module.__name__)
    before_kb = resident_kb(os.getpid())
    cpu_ns, began_ns = time.process_time_ns(), time.perf_counter_ns()
    with imports.timed():
        stop = begin(Recording(**json.loads(recording)))
    begun_ns = time.perf_counter_ns() - began_ns - imports.looking_ns
    cpu_ns = time.process_time_ns() - cpu_ns
    started_kb = resident_kb(os.getpid()) - before_kb
    _work()
    started = Started(
        cpu_ns=cpu_ns,
        import_ns=imports.ns,
        start_ns=begun_ns - imports.ns,
        imported_kb=imports.kb,
        started_kb=started_kb,
        reference_ns=min(reference.spent().cpu for _ in range(3)),
        last_line_ns=time.monotonic_ns(),
    )
    Path(result).write_text(json.dumps(started._asdict()))
    stop()


if __name__ == "__main__":
    main()
