# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""pyinstrument: the main thread's stack in wall time, by a profile hook."""

from __future__ import annotations

import os
from collections.abc import Callable

from benchmarks.profilers.recording import Recording


def profile_file(recording: Recording) -> str:
    """A session, in JSON."""
    return os.path.join(recording.directory, "profile.pyisession")


def begin(recording: Recording) -> Callable[[], None]:
    """Write a file."""
    from pyinstrument import Profiler

    profiler = Profiler(interval=1 / recording.rate_hz)
    profiler.start()

    def stop() -> None:
        profiler.stop().save(profile_file(recording))

    return stop
