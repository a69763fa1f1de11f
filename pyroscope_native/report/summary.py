# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What is said on stderr when a profiled program has ended."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from typing import NamedTuple

from pyroscope_native.figures import Stats
from pyroscope_native.model import Profile
from pyroscope_native.report import groups, text
from pyroscope_native.report.terminal import Terminal


class Facts(NamedTuple):
    """What there is to say of one session."""

    stats: Stats
    clock_reason: str
    """Why it is not the clock that was to be; empty if it is."""
    server: str
    """Where profiles were pushed to, without secrets; empty for nowhere."""
    children: int = 0
    """Other processes whose profiles are in the one that is shown."""
    children_ns: int = 0
    """CPU time of theirs."""


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _seconds(ns: int) -> str:
    return f"{ns / 1e9:.2f} s"


def _seen(stats: Stats) -> str:
    """What was seen, at which rate, and what was lost."""
    rate = f"{stats.rate_hz} Hz"
    if stats.seen_ns > 0:
        delivered_hz = stats.samples / (stats.seen_ns / 1e9)
        if stats.current_rate_hz < stats.rate_hz:
            rate += f", down to {stats.current_rate_hz} Hz to keep to the budget"
        elif delivered_hz < 0.9 * stats.rate_hz:
            rate = f"{delivered_hz:.0f} of {rate} (the kernel's ticks; weights are right)"
    return (
        f"{_seconds(stats.seen_ns)} of CPU in {_counted(stats.samples, 'sample')} at {rate}; "
        f"{_losses(stats)}"
    )


def _kernel(facts: Facts) -> str:
    """The kernel's own count, and whose clock it was."""
    stats = facts.stats
    kernel_ns = stats.kernel_ns - stats.own_ns
    line = f"the kernel counted {_seconds(kernel_ns)}"
    if kernel_ns >= 1_000_000_000:
        line += f" ({(stats.seen_ns + stats.unseen_ns) / kernel_ns:.1%} in the profile)"
    line += f", and {stats.own_ns / 1e6:.1f} ms for the profiler; {stats.clock} clock"
    return f"{line} ({facts.clock_reason})" if facts.clock_reason else line


def _losses(stats: Stats) -> str:
    parts = [
        f"{_seconds(ns)} {why}"
        for ns, why in (
            (stats.lost_ns, "without a stack, under [lost samples]"),
            (stats.unseen_ns, "between ticks, under [unseen threads]"),
            (stats.truncated_ns, "in too deep stacks, under [truncated]"),
            (stats.unresolved_ns, "with an [unresolved code]"),
            (stats.table_full_ns, "under [stack table full]"),
        )
        if ns
    ]
    if stats.torn:
        parts.append(f"{_counted(stats.torn, 'torn stack')}, under [torn stack]")
    return "; ".join(parts) or "nothing lost"


def _pushed(facts: Facts) -> str:
    """What has become of windows."""
    windows = facts.stats.deliveries
    line = f"pushed {_counted(windows.pushed, 'window')} to {facts.server}"
    if windows.spooled:
        line += f"; on disk until the server takes them: {windows.spooled}"
    if windows.lost:
        causes = ", ".join(
            f"{number} {cause}"
            for number, cause in (
                (windows.refused, "refused"),
                (windows.outdated, "too old"),
                (windows.crowded_out, "for want of room"),
                (windows.damaged, "damaged"),
                (windows.left_over, "left at the end"),
            )
            if number
        )
        line += f"; not taken: {windows.lost} ({causes})"
    return line


def render(
    facts: Facts,
    profile: Profile | None,
    paths: Sequence[str],
    *,
    group_by: str = "",
    is_terminal: bool,
) -> str:
    """The summary, several lines; `group_by` names a label to sum up by, too."""
    terminal = Terminal(
        width=shutil.get_terminal_size((100, 25)).columns,
        color=is_terminal and "NO_COLOR" not in os.environ,
    )
    lines = ["", f"pyroscope_native: {_seen(facts.stats)}", f"  {_kernel(facts)}"]
    if facts.children:
        others = "process" if facts.children == 1 else "processes"
        lines.append(
            f"  with {facts.children} other {others}, {_seconds(facts.children_ns)} of CPU: "
            "the label pid tells them apart"
        )
    if facts.stats.samples == 0 and not facts.children:
        lines.append("  no samples: the program used next to no CPU time")
    elif profile is not None:
        lines += ["", text.render(profile, terminal)]
        if group_by:
            lines.append(groups.render(profile, group_by, terminal))
    if facts.server:
        lines.append(f"  {_pushed(facts)}")
    if facts.stats.profiles_served:
        lines.append(f"  served {_counted(facts.stats.profiles_served, 'profile')}")
    lines += [f"  wrote {os.path.relpath(path) if _is_near(path) else path}" for path in paths]
    return "\n".join(lines)


def _is_near(path: str) -> bool:
    try:
        return path.startswith(os.getcwd() + os.sep)
    except OSError:
        return False
