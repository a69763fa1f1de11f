# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""pyroscope-io with its experimental engine: ddtrace's sampler, driven by CPU timers."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.profilers import pyroscope_io
from benchmarks.profilers.pyroscope_io import labelled, read
from benchmarks.profilers.recording import Recording

__all__ = ["begin", "labelled", "read"]


def begin(recording: Recording) -> Callable[[], None]:
    """Push to the sink."""
    import pyroscope

    pyroscope.configure_experimental_stack_profiler(cpu_timer_interval_ms=1000 // recording.rate_hz)
    return pyroscope_io.configure(
        recording, cpu_implementation=pyroscope.ProfilerImplementation.Stack
    )
