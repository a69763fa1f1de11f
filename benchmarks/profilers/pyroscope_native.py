# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Ours, as configure() or profile() start it."""

from __future__ import annotations

import os
from collections.abc import Callable

from benchmarks.profilers.recording import Recording, Ticks


def profile_file(recording: Recording) -> str:
    """Where it is, if there is no sink."""
    return os.path.join(recording.directory, "profile.pb.gz")


def begin(recording: Recording) -> Callable[[], None]:
    """Push to the sink, or write a file."""
    import pyroscope_native

    if recording.sink:
        pyroscope_native.configure(
            application_name="benchmark",
            server_address=recording.sink,
            sample_rate=recording.rate_hz,
            upload_interval=recording.interval_s,
        )

        def stop() -> None:
            pyroscope_native.shutdown()

        return stop
    block = pyroscope_native.profile(profile_file(recording), sample_rate=recording.rate_hz)
    block.__enter__()
    return lambda: block.__exit__(None, None, None)


def ticks() -> Ticks:
    """Since it began."""
    import pyroscope_native

    stats = pyroscope_native.stats()
    assert stats is not None, "it has begun"
    return Ticks(stats.samples, stats.handler_p50_ns)
