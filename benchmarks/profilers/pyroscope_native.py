# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Ours, as configure() or profile() start it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from benchmarks.profilers.recording import Recording, Sample, Ticks


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


def labelled(labels: Mapping[str, str]) -> AbstractContextManager[None]:
    """As its users label requests."""
    import pyroscope_native

    return pyroscope_native.tag_wrapper(labels)


def ticks() -> Ticks:
    """Since it began."""
    import pyroscope_native

    stats = pyroscope_native.stats()
    assert stats is not None, "it has begun"
    return Ticks(stats.samples, stats.handler_p50_ns)


def read(recording: Recording) -> list[Sample]:
    """What the sink was sent, or the file."""
    from benchmarks.profilers.formats import of_profile, of_pushes

    if recording.sink:
        return of_pushes(recording)
    from pyroscope_native.pprof import decode

    with open(profile_file(recording), "rb") as file:
        return of_profile(decode(file.read()))
