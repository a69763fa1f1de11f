# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""pyroscope-io as its documentation has it: its default engine, py-spy's, in a thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from benchmarks.profilers.recording import Recording, Sample


def configure(recording: Recording, **settings: Any) -> Callable[[], None]:
    """Start it, with what `configure` is told besides.

    Raises:
        ValueError: there is no sink; it writes no files
    """
    import pyroscope

    if not recording.sink:
        raise ValueError("pyroscope-io pushes only")
    pyroscope.configure(
        application_name="benchmark",
        server_address=recording.sink,
        sample_rate=recording.rate_hz,
        upload_interval=recording.interval_s,
        **settings,
    )

    def stop() -> None:
        pyroscope.shutdown()

    return stop


def begin(recording: Recording) -> Callable[[], None]:
    """Push to the sink."""
    return configure(recording)


def labelled(labels: Mapping[str, str]) -> AbstractContextManager[None]:
    """Labels for what is done within."""
    import pyroscope

    return pyroscope.tag_wrapper(dict(labels))  # type: ignore[no-any-return]


def read(recording: Recording) -> list[Sample]:
    """What the sink was sent."""
    from benchmarks.profilers.formats import of_pushes

    return of_pushes(recording)
