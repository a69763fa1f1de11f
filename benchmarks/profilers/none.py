# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""No profiler: what the others are compared with."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.profilers.recording import Recording


def begin(recording: Recording) -> Callable[[], None]:
    """Nothing begins."""
    return lambda: None
