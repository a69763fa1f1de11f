# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Which profilers work on this machine."""

from __future__ import annotations

import functools
import os

from benchmarks.environments import Unavailable
from benchmarks.plan import Plan
from benchmarks.profilers import Profiler
from benchmarks.runner import ProgramFailed, run_pushing

RATE_HZ = 100
INTERVAL_S = 10


def available(plan: Plan) -> list[Profiler]:
    """Those of the plan's profilers that have delivered a profile of a brief program here;
    of the others the plan is told why."""
    found = []
    for profiler in plan.profilers:
        reason = _reason(profiler)
        if reason:
            plan.unavailable(profiler.name, reason)
        else:
            found.append(profiler)
    return found


@functools.lru_cache(None)
def _reason(profiler: Profiler) -> str:
    try:
        outcome = run_pushing(profiler, "brief", RATE_HZ, INTERVAL_S)
    except (ProgramFailed, Unavailable) as error:
        reason = str(error)
        if hasattr(profiler.load(), "command") and os.geteuid() != 0:
            reason += " (if it may not read the program's memory: be root, or have CAP_SYS_PTRACE)"
        return reason
    return "" if outcome.delivered else "it has delivered no profile"
