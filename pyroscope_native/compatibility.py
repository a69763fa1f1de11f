# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What else programs written for pyroscope-io call, which has no work left to do."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from warnings import warn

from pyroscope_native.log import warn_once

LOGGER = logging.getLogger("pyroscope_native")
"""All that the profiler has to say goes there."""

_unset = [True]
"""Until the stack profiler's options have been set."""


def configure_experimental_stack_profiler(
    max_nframe: int = 128,
    max_threads: int = 25,
    adaptive_sampling: bool = True,
    adaptive_target_overhead: float = 0.01,
    adaptive_max_interval_us: int = 100_000,
    adaptive_baseline: float = 0.0,
    adaptive_p_stable_window_s: int = 600,
    adaptive_p_stable_percentile: float = 95.0,
    cpu_timer_enabled: bool = True,
    cpu_timer_interval_ms: int = 10,
) -> bool:
    """Options of an engine that is not here. Returns True the first time, then False."""
    warn_once(
        "stack profiler",
        "configure_experimental_stack_profiler() changes nothing: configure() takes sample_rate "
        "and overhead_budget",
    )
    try:
        return _unset.pop()
    except IndexError:
        return False


def runtime_name() -> str:
    """Of the interpreter: cpython."""
    return sys.implementation.name


def runtime_version() -> str:
    """Of the interpreter: 3.12.1, or 3.15.0.beta.4 before a release."""
    version = sys.implementation.version
    is_release = version.releaselevel == "final" and version.serial == 0
    return ".".join(str(part) for part in (version[:3] if is_release else version))


# ---- deprecated there as well ----


def _warn_deprecated(name: str, instead: str) -> None:
    warn(f"{name}() does nothing: {instead}", DeprecationWarning, stacklevel=3)


def stop() -> None:
    """Deprecated."""
    _warn_deprecated("stop", "shutdown() ends profiling")


def change_name(name: str) -> None:
    """Deprecated."""
    _warn_deprecated("change_name", "configure() takes application_name")


def tag(tags: Mapping[str, object]) -> None:
    """Deprecated."""
    _warn_deprecated("tag", "tag_wrapper() tags a block")


def remove_tags(*keys: str) -> None:
    """Deprecated."""
    _warn_deprecated("remove_tags", "tags end with the block of tag_wrapper()")


def build_summary() -> None:
    """Deprecated."""
    _warn_deprecated("build_summary", "stats() has figures")


def test_logger() -> None:
    """Deprecated."""
    _warn_deprecated("test_logger", "configure() takes enable_logging")
