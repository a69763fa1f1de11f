# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""ddtrace's profiler with the stack collector alone, which has CPU and wall time.

DD_PROFILING_STACK_ENABLED leaves that one of the collectors (DD_PROFILING_MEMORY_, LOCK_ and
EXCEPTION_ENABLED are off), DD_TRACE_AGENT_URL is the sink, DD_PROFILING_OUTPUT_PPROF the
prefix of files where there is none. Its rate is fixed, with
_DD_PROFILING_STACK_ADAPTIVE_SAMPLING_ENABLED off and the interval set, so that it is
compared at the rate of the others; telemetry and the tracer are off.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from benchmarks.profilers.recording import Recording, Sample

TASK_LABEL = "task name"
"""The name of the asyncio task; a program's own labels it has none of."""


def profile_file(recording: Recording) -> str:
    """What files begin with, if there is no sink: `.PID.NUMBER.pprof` follows."""
    return os.path.join(recording.directory, "profile")


def begin(recording: Recording) -> Callable[[], None]:
    """Push to the sink, or write files."""
    off = (
        "DD_PROFILING_MEMORY_ENABLED",
        "DD_PROFILING_LOCK_ENABLED",
        "DD_PROFILING_EXCEPTION_ENABLED",
        "_DD_PROFILING_STACK_ADAPTIVE_SAMPLING_ENABLED",
        "DD_INSTRUMENTATION_TELEMETRY_ENABLED",
        "DD_REMOTE_CONFIGURATION_ENABLED",
        "DD_TRACE_ENABLED",
    )
    os.environ.update(dict.fromkeys(off, "false"))
    os.environ["DD_SERVICE"] = "benchmark"
    os.environ["DD_PROFILING_STACK_ENABLED"] = "true"
    os.environ["DD_PROFILING_UPLOAD_INTERVAL"] = str(recording.interval_s)
    if recording.sink:
        os.environ["DD_TRACE_AGENT_URL"] = recording.sink
    else:
        os.environ["DD_PROFILING_OUTPUT_PPROF"] = profile_file(recording)

    from ddtrace.internal.datadog.profiling import stack
    from ddtrace.profiling import Profiler

    profiler = Profiler()
    profiler.start()
    stack.set_interval(1 / recording.rate_hz)

    def stop() -> None:
        profiler.stop()

    return stop


def read(recording: Recording) -> list[Sample]:
    """What the sink was sent: pprof, compressed by Zstandard, as a part of a form."""
    import email
    from pathlib import Path

    from zstandard import ZstdDecompressor

    from benchmarks.profilers.formats import of_profile
    from pyroscope_native.pprof import decode

    found: list[Sample] = []
    for path in sorted(Path(recording.directory).glob("*-input")):
        body = path.read_bytes()
        boundary = body[2 : body.index(b"\r\n")]
        head = b'Content-Type: multipart/form-data; boundary="' + boundary + b'"\r\n\r\n'
        for part in email.message_from_bytes(head + body).walk():
            if part.get_filename() == "profile.pprof":
                payload: Any = part.get_payload(decode=True)
                data = ZstdDecompressor().decompressobj().decompress(payload)
                found += of_profile(decode(data, "cpu-time"))
    return found
