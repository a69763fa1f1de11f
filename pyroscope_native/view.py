# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Shows a profile that is in a file, or a selection of it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence

from pyroscope_native.deliver.file import check_output, read_profile, write_outputs
from pyroscope_native.errors import ConfigError
from pyroscope_native.model import Profile
from pyroscope_native.report import comparison, groups, text
from pyroscope_native.report.terminal import Terminal
from pyroscope_native.selection import (
    Choice,
    check_choice,
    check_name,
    label_names,
    parse_choice,
    select,
)


def view(
    path: str,
    *,
    output: str | None,
    as_text: bool,
    filters: Sequence[str],
    group_by: str | None,
    compare: Sequence[str] | None,
) -> int:
    """Print or write what `filters`, KEY=VALUE each, leave of the pprof at `path`.

    `group_by` and `compare`, a label and two KEY=VALUE, choose what is printed;
    `as_text` has the top functions printed even if there is an output. Returns
    the exit status. Raises ConfigError for what can't be read or is not there.
    """
    choices = [parse_choice(words) for words in filters]
    sides = [parse_choice(words) for words in compare or ()]
    if len({side.name for side in sides}) > 1:
        raise ConfigError("--compare wants two values of one label")
    profile = _read(path)
    for choice in choices:
        check_choice(profile, choice)
    profile = select(profile, choices)
    for side in sides:
        check_choice(profile, side)
    if group_by is not None:
        check_name(profile, group_by)

    if output is not None:
        check_output(output)
        name = os.path.basename(path)
        written = write_outputs(profile, [os.path.abspath(output)], name, sides=sides)
        for place in written:
            print(place)
        if not written:
            return 1
    if output is None or as_text or group_by or sides:
        print(_text(profile, group_by, sides))
    return 0


def _read(path: str) -> Profile:
    try:
        return read_profile(path)
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _text(profile: Profile, group_by: str | None, sides: Sequence[Choice]) -> str:
    terminal = Terminal(shutil.get_terminal_size((100, 25)).columns, sys.stdout.isatty())
    if group_by:
        return groups.render(profile, group_by, terminal)
    if sides:
        one, other = sides
        return comparison.render(profile, one, other, terminal)
    names = ", ".join(label_names(profile)) or "none"
    return text.render(profile, terminal) + terminal.remark(f"labels: {names}")
