# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""pyinstrument: the main thread's stack in wall time, by a profile hook."""

from __future__ import annotations

import os
from collections.abc import Callable

from benchmarks.profilers.recording import Recording, Sample


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


def read(recording: Recording) -> list[Sample]:
    """Each record is a stack and the wall time since the one before."""
    import json

    with open(profile_file(recording)) as file:
        session = json.load(file)
    return [
        Sample(tuple(frame.partition("\0")[0] for frame in stack), time_s * 1e9)
        for stack, time_s in session["frame_records"]
    ]
