# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A table of the heaviest functions, for a terminal."""

from __future__ import annotations

from pyroscope_native.model import Profile
from pyroscope_native.report.functions import function_sums, location
from pyroscope_native.report.terminal import DEFAULT, Scale, Terminal, percent


def render(profile: Profile, terminal: Terminal = DEFAULT, *, limit: int = 15) -> str:
    """Return the `limit` functions with the most weight of their own.

    `self` is the weight of samples with the function at the leaf, `total` that
    of samples with it anywhere.
    """
    scale = Scale.fit(profile.total, profile.sample_type[1])
    heading = terminal.heading(_heading(profile, scale))
    sums = function_sums(profile)
    if not sums:
        return f"{heading}\n\nno samples\n"
    shown = sums[:limit]
    figures = [("self", "self%", "total", "total%")]
    for _, self_value, total_value in shown:
        figures.append(
            (
                scale.show(self_value),
                percent(self_value, profile.total),
                scale.show(total_value),
                percent(total_value, profile.total),
            )
        )
    names = ["function", *(row.function.name for row in shown)]
    places = ["location", *(location(row.function) for row in shown)]
    lines = terminal.table(figures, names, places)
    if len(sums) > limit:
        lines.append(terminal.remark(f"and {len(sums) - limit:,} more functions"))
    return "\n".join([heading, "", *lines, ""])


def _heading(profile: Profile, scale: Scale) -> str:
    words = [scale.show(profile.total), profile.sample_type[0]]
    if profile.duration_ns:
        words.append(f"in {profile.duration_ns / 1e9:,.2f} s")
    return " ".join(words)
