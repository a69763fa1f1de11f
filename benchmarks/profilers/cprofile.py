# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""cProfile: each call of this thread, by a profile hook; it has no rate."""

from __future__ import annotations

import cProfile
import os
import time
from collections.abc import Callable

from benchmarks.profilers.recording import Recording, Sample


def profile_file(recording: Recording) -> str:
    """As pstats has it."""
    return os.path.join(recording.directory, "profile.pstats")


def begin(recording: Recording) -> Callable[[], None]:
    """Write a file; of CPU time."""
    profile = cProfile.Profile(time.process_time)
    profile.enable()

    def stop() -> None:
        profile.disable()
        profile.dump_stats(profile_file(recording))

    return stop


def read(recording: Recording) -> list[Sample]:
    """Functions with all that they called; no stacks."""
    from benchmarks.profilers.formats import of_pstats

    return of_pstats(profile_file(recording))
