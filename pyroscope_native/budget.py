# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Keeps the profiler's own CPU time within a share of the process's.

Over the budget the rate is halved, as long as that helps: what does not depend
on the rate stays. Well under it the rate is doubled again, up to what was asked
for.
"""

# No postponed annotations here: see config.py.

from typing import NamedTuple, Optional

SPAN_NS = 1_000_000_000
"""CPU time of the process that a judgement is about, at least: less holds too few
samples."""
IDLE = 0.05
"""A process that uses less CPU than this share of the time is not hurt, and what a
profiler costs at rest does not depend on the rate."""
RECOVERY = 0.25
"""Below this part of the budget the rate may double: half of the budget is then
left."""


HELP = 0.8
"""Halving the rate has helped if the cost is down to this part of what it was."""


class Costs(NamedTuple):
    """What has come together so far."""

    now_s: float
    process_ns: int
    """CPU time of the process."""
    own_ns: int
    """Of it, the profiler's."""
    samples: int


class Budget:
    """Says which rate to sample at."""

    def __init__(self, share: float, rate_hz: int) -> None:
        """`share`: of the process's CPU time, 0 to 1."""
        self._share = share
        self._full_rate_hz = rate_hz
        self.rate_hz = rate_hz
        """Samples per CPU second and thread, 1 to what was asked for."""
        self._since = Costs(0.0, 0, 0, 0)
        self._halved_at: Optional[float] = None
        """The cost that the rate was halved for last."""

    def begin(self, costs: Costs) -> None:
        """Have the next judgement be about what comes from here on."""
        self._since = costs

    def judge(self, costs: Costs) -> int:
        """The rate to go on with."""
        since = self._since
        used_ns = costs.process_ns - since.process_ns
        if used_ns < SPAN_NS:
            return self.rate_hz
        self._since = costs
        cost = (costs.own_ns - since.own_ns) / used_ns
        is_idle = used_ns < IDLE * (costs.now_s - since.now_s) * 1e9
        if is_idle or cost < RECOVERY * self._share:
            self._halved_at = None
            self.rate_hz = min(self._full_rate_hz, self.rate_hz * 2)
        elif cost > self._share and (self._halved_at is None or cost < HELP * self._halved_at):
            self._halved_at = cost
            # The kernel may tick more slowly than was asked for.
            delivered_hz = int((costs.samples - since.samples) / (used_ns / 1e9)) + 1
            self.rate_hz = max(1, min(self.rate_hz, delivered_hz) // 2)
        return self.rate_hz
