# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A table of the values of a label, for a terminal."""

from __future__ import annotations

from pyroscope_native.model import Profile
from pyroscope_native.report.functions import function_sums, location
from pyroscope_native.report.terminal import DEFAULT, Scale, Terminal, percent, printable
from pyroscope_native.selection import Group, grouped, label_names, there_are


def render(profile: Profile, name: str, terminal: Terminal = DEFAULT, *, limit: int = 15) -> str:
    """Return the `limit` heaviest values of the label `name`, each with the
    function that has the most weight of its own there.

    All other values share a line, and so do the samples without the label, in
    the end. Where no sample has it, a line says so.
    """
    names = label_names(profile)
    if name not in names:
        return printable(f"no sample has the label {name!r}; {there_are(names)}") + "\n"
    scale = Scale.fit(profile.total, profile.sample_type[1])
    groups = grouped(profile, name)
    labelled = [group for group in groups if group.value]
    others = labelled[limit:]

    rows = [(group.value, group.total, _top(group)) for group in labelled[:limit]]
    if others:
        title = f"{len(others):,} other{'' if len(others) == 1 else 's'}"
        rows.append((title, sum(group.total for group in others), ""))
    rows += [("(none)", group.total, _top(group)) for group in groups if not group.value]
    figures = [
        (profile.sample_type[0], "share"),
        *((scale.show(total), percent(total, profile.total)) for _, total, _ in rows),
    ]
    heading = terminal.heading(f"{scale.show(profile.total)} {profile.sample_type[0]} by {name}")
    lines = terminal.table(
        figures,
        [name, *(title for title, _, _ in rows)],
        ["top function", *(top for _, _, top in rows)],
    )
    return "\n".join([heading, "", *lines, ""])


def _top(group: Group) -> str:
    """The function with the most weight of its own, and its share of the group."""
    top = function_sums(group.profile)[0]
    share = percent(top.self_value, group.total)
    return f"{share} {top.function.name}  {location(top.function)}".rstrip()
