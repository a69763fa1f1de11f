# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The figures of a session."""

# No postponed annotations here: see config.py.

from typing import NamedTuple

SIGNAL_NS = 2500
"""What the kernel takes to deliver a signal and to return from it: measured on one
machine, with warm caches."""


class Deliveries(NamedTuple):
    """What has become of the windows of a session, one that had to be split counted as its
    parts: `closed + found == pushed + waiting + spooled + lost`."""

    closed: int = 0
    """Windows that have ended, and were not empty."""
    found: int = 0
    """Windows that processes before have left in the spool."""
    pushed: int = 0
    """The server has taken them."""
    waiting: int = 0
    """They wait for it in memory."""
    spooled: int = 0
    """They wait for it on disk."""
    refused: int = 0
    """The server does not want them."""
    outdated: int = 0
    """They have waited for so long that it would not."""
    crowded_out: int = 0
    """Newer ones needed the room."""
    damaged: int = 0
    """Their file was, and has been set aside."""
    left_over: int = 0
    """They waited in memory when the session ended."""

    @property
    def lost(self) -> int:
        """Windows that the server will not get."""
        return self.refused + self.outdated + self.crowded_out + self.damaged + self.left_over

    def __add__(self, other: "Deliveries") -> "Deliveries":  # type: ignore[override]
        return Deliveries(*map(sum, zip(self, other)))


class Stats(NamedTuple):
    """What a session has seen and what it has cost, so far or when it ended.

    Names ending in `_ns` are nanoseconds: of CPU time, of handlers wall time.
    """

    running: bool
    clock: str
    """Which timers drive sampling: "thread" or "process"."""
    rate_hz: int
    """Samples per CPU second and thread that were asked for."""
    current_rate_hz: int
    """The same now: lower while the profiler is over its budget."""
    duration_s: float
    kernel_ns: int
    """What the kernel says that the process used, the profiler included."""
    samples: int
    seen_ns: int
    """Weight that came to the signal handler. All of it is in the profile."""
    unseen_ns: int
    """Besides, CPU time of threads that no tick has met: `[unseen threads]`."""
    overruns: int
    """Ticks that came with another: the kernel's own tick is slower than the rate."""
    ring_full_ns: int
    """Of the weight, what has no stack (`[lost samples]`): the drain was late."""
    ring_contended_ns: int
    """The same: too many handlers at once."""
    no_slot_ns: int
    """The same: more threads than are known at a time."""
    window_lost_ns: int
    """The same: no memory to fold it."""
    truncated_ns: int
    """Weight of stacks that were too deep: `[truncated]`."""
    torn: int
    """Samples whose stack could not be believed."""
    torn_ns: int
    """Their weight: `[torn stack]`."""
    retried: int
    """Samples whose innermost entry into the interpreter was left out."""
    unresolved_ns: int
    """Weight of stacks with an `[unresolved code]`."""
    unlabelled_ns: int
    """Weight whose labels are not all known: thousands of scopes deep, or no memory."""
    labels_refused: int
    """Labels that could not be: see `labels`."""
    labels_dropped: int
    """Label sets that lost a label each for want of room in a series, counted in each
    window."""
    label_values_other: int
    """Label values that became `[other]`, counted likewise."""
    no_python_ns: int
    """Weight of threads without Python code: `[no Python code]`."""
    subinterpreter_ns: int
    """Weight of other interpreters: `[subinterpreter]`."""
    table_full_ns: int
    """Weight under `[stack table full]`."""
    unattached_threads: int
    """Threads that have no timer for want of one."""
    deaf_threads: int
    """Threads that block SIGPROF: `[unseen threads]` has what they use."""
    handler_p50_ns: int
    """Time in the signal handler, of one in eight: right within a fifth."""
    handler_p99_ns: int
    handler_max_ns: int
    ring_peak: float
    """The share of the ring that was in use at most, 0 to 1."""
    drain_ns: int
    """CPU time to move samples from the ring, with the GIL held."""
    drain_max_ns: int
    """Of it, in one piece."""
    own_ns: int
    """CPU time of the profiler's own threads, the drain's included."""
    deliveries: Deliveries
    """What has become of windows."""
    serve_address: str = ""
    """Where profiles are served now: http://HOST:PORT, unix:PATH, or empty for nowhere."""
    profiles_served: int = 0

    @property
    def windows_pushed(self) -> int:
        """Windows that the server has taken."""
        return self.deliveries.pushed

    @property
    def windows_not_pushed(self) -> int:
        """Windows that it will not get."""
        return self.deliveries.lost

    @property
    def lost_ns(self) -> int:
        """Weight without a stack: `[lost samples]`."""
        return self.ring_full_ns + self.ring_contended_ns + self.no_slot_ns + self.window_lost_ns

    @property
    def handlers_ns(self) -> int:
        """What handlers have cost: their median time, and an estimate for the kernel's
        part of a signal."""
        return self.samples * (self.handler_p50_ns + SIGNAL_NS)

    @property
    def overhead(self) -> float:
        """The profiler's own CPU time as a share of the process's, 0 to 1."""
        return (self.own_ns + self.handlers_ns) / self.kernel_ns if self.kernel_ns > 0 else 0.0
