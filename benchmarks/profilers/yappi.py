# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""yappi: CPU time of each call, by a profile hook; it has no rate."""

from __future__ import annotations

import os
from collections.abc import Callable

from benchmarks.profilers.recording import Recording, Sample


def profile_file(recording: Recording) -> str:
    """As pstats has it."""
    return os.path.join(recording.directory, "profile.pstats")


def begin(recording: Recording) -> Callable[[], None]:
    """Write a file."""
    import yappi

    yappi.set_clock_type("cpu")
    yappi.start()

    def stop() -> None:
        yappi.stop()
        yappi.get_func_stats().save(profile_file(recording), type="pstat")

    return stop


def read(recording: Recording) -> list[Sample]:
    """Functions with all that they called; no stacks."""
    from benchmarks.profilers.formats import of_pstats

    return of_pstats(profile_file(recording))
