# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""pyroscope-io as its documentation has it: its default engine, py-spy's, in a thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.profilers.recording import Recording


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
