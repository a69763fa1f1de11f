# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Two selections of a profile side by side, for a terminal."""

from __future__ import annotations

from typing import NamedTuple

from pyroscope_native.model import Function, Profile
from pyroscope_native.report.functions import FunctionSums, function_sums, location
from pyroscope_native.report.terminal import DEFAULT, Scale, Terminal
from pyroscope_native.selection import Choice, select


class Shares(NamedTuple):
    """What part of each side a function takes, in per cent of the side's own total."""

    function: Function
    self_shares: tuple[float, float]
    total_shares: tuple[float, float]


def compared(one: Profile, other: Profile) -> list[Shares]:
    """The functions of both sides, those that differ the most first."""
    sides = [
        ({sums.function: sums for sums in function_sums(profile)}, profile.total)
        for profile in (one, other)
    ]

    def shares(function: Function) -> Shares:
        both = [_shares(sums.get(function), total) for sums, total in sides]
        return Shares(function, *zip(*both))

    rows = [shares(function) for function in {**sides[0][0], **sides[1][0]}]
    return sorted(rows, key=_order)


def render(
    profile: Profile, one: Choice, other: Choice, terminal: Terminal = DEFAULT, *, limit: int = 25
) -> str:
    """Return the `limit` functions whose shares in two selections differ the most.

    Each share is of its selection's own total; a difference is what `other` has
    more than `one`.
    """
    sides = [select(profile, [choice]) for choice in (one, other)]
    scale = Scale.fit(max(side.total for side in sides), profile.sample_type[1])
    headings = [
        terminal.heading(f"{letter}: {scale.show(side.total)} {profile.sample_type[0]}, {choice}")
        for letter, side, choice in zip("AB", sides, (one, other))
    ]
    rows = compared(*sides)
    shown = rows[:limit]
    figures = [("self A", "self B", "diff", "total A", "total B", "diff")]
    figures += [(*_figures(row.self_shares), *_figures(row.total_shares)) for row in shown]
    names = ["function", *(row.function.name for row in shown)]
    places = ["location", *(location(row.function) for row in shown)]
    lines = terminal.table(figures, names, places)
    if len(rows) > limit:
        lines.append(terminal.remark(f"and {len(rows) - limit:,} more functions"))
    return "\n".join([*headings, "", *lines, ""])


def _shares(sums: FunctionSums | None, total: int) -> tuple[float, float]:
    if sums is None or not total:
        return 0.0, 0.0
    return 100 * sums.self_value / total, 100 * sums.total_value / total


def _order(row: Shares) -> tuple[float, float, Function]:
    (self_one, self_other), (one, other) = row.self_shares, row.total_shares
    return -abs(self_other - self_one), -abs(other - one), row.function


def _figures(shares: tuple[float, float]) -> tuple[str, str, str]:
    one, other = shares
    return f"{one:.1f}%", f"{other:.1f}%", f"{other - one:+.1f}"
