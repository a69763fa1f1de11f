# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The figures of a session."""

# No postponed annotations here: see config.py.

from typing import NamedTuple


class Totals(NamedTuple):
    """What a session has seen; `_ns` is CPU time."""

    samples: int
    seen_ns: int
    """Weight that came to the signal handler."""
    kernel_ns: int
    """What the kernel says that the process used, the profiler included."""
    own_ns: int
    """What the profiler's own threads used."""
    lost_ns: int
    """Weight without a stack: `[lost samples]` in the profile."""
    unseen_ns: int
    """CPU time of threads that no tick has seen: `[unseen threads]`."""
    torn: int
    """Samples whose stack could not be believed: `[torn stack]`."""
