# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What is said on stderr when a profiled program has ended."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from typing import NamedTuple

from pyroscope_native.model import Profile
from pyroscope_native.report import text
from pyroscope_native.totals import Totals


class Facts(NamedTuple):
    """What there is to say of one session."""

    totals: Totals
    rate_hz: int
    clock: str
    clock_reason: str
    """Why it is not the clock that was to be; empty if it is."""
    server: str
    """Where profiles were pushed to, without secrets; empty for nowhere."""
    pushed: int
    not_pushed: int


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _seconds(ns: int) -> str:
    return f"{ns / 1e9:.2f} s"


def _seen(facts: Facts) -> str:
    """What was seen, at which rate, and what was lost."""
    totals = facts.totals
    rate = f"{facts.rate_hz} Hz"
    if totals.seen_ns > 0:
        delivered_hz = totals.samples / (totals.seen_ns / 1e9)
        if delivered_hz < 0.9 * facts.rate_hz:
            rate = f"{delivered_hz:.0f} of {rate} (the kernel's ticks; weights are right)"
    return (
        f"{_seconds(totals.seen_ns)} of CPU in {_counted(totals.samples, 'sample')} at {rate}; "
        f"{_losses(totals)}"
    )


def _kernel(facts: Facts) -> str:
    """The kernel's own count, and whose clock it was."""
    totals = facts.totals
    kernel_ns = totals.kernel_ns - totals.own_ns
    line = f"the kernel counted {_seconds(kernel_ns)}"
    if kernel_ns >= 1_000_000_000:
        line += f" ({(totals.seen_ns + totals.unseen_ns) / kernel_ns:.1%} in the profile)"
    line += f", and {totals.own_ns / 1e6:.1f} ms for the profiler; {facts.clock} clock"
    return f"{line} ({facts.clock_reason})" if facts.clock_reason else line


def _losses(totals: Totals) -> str:
    parts = []
    if totals.lost_ns:
        parts.append(f"{_seconds(totals.lost_ns)} without a stack, under [lost samples]")
    if totals.unseen_ns:
        parts.append(f"{_seconds(totals.unseen_ns)} between ticks, under [unseen threads]")
    if totals.torn:
        parts.append(f"{_counted(totals.torn, 'torn stack')}, under [torn stack]")
    return "; ".join(parts) or "nothing lost"


def render(
    facts: Facts, profile: Profile | None, paths: Sequence[str], *, is_terminal: bool
) -> str:
    """The summary, several lines."""
    color = is_terminal and "NO_COLOR" not in os.environ
    width = shutil.get_terminal_size((100, 25)).columns
    lines = ["", f"pyroscope_native: {_seen(facts)}", f"  {_kernel(facts)}"]
    if facts.totals.samples == 0:
        lines.append("  no samples: the program used next to no CPU time")
    elif profile is not None:
        lines += ["", text.render(profile, width=width, color=color)]
    if facts.server:
        line = f"  pushed {_counted(facts.pushed, 'window')} to {facts.server}"
        if facts.not_pushed:
            line += f"; not taken: {facts.not_pushed}"
        lines.append(line)
    lines += [f"  wrote {os.path.relpath(path) if _is_near(path) else path}" for path in paths]
    return "\n".join(lines)


def _is_near(path: str) -> bool:
    try:
        return path.startswith(os.getcwd() + os.sep)
    except OSError:
        return False
