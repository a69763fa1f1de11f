# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Folded stacks, the input of Brendan Gregg's flamegraph.pl and its kin."""

from __future__ import annotations

import re
from collections import Counter

from pyroscope_native.model import Profile

# Separators of the format, whatever ends a line, and what UTF-8 can't carry.
_LINE_ENDS = re.compile("[\\x00-\\x1f\\x7f\\x85\\u2028\\u2029]+")
_SURROGATES = re.compile("[\ud800-\udfff]")


def render(profile: Profile) -> str:
    """Return a sorted line `root;…;leaf value` per distinct stack of names.

    Values have the unit of the profile's sample type. Labels, files and lines
    are left out: stacks that differ in nothing else are one line.
    """
    names = [_plain(function.name) for function in profile.functions]
    frame_names = [names[frame.function] for frame in profile.frames]
    weights: Counter[str] = Counter()
    for sample in profile.samples:
        weights[";".join(frame_names[index] for index in reversed(sample.stack))] += sample.value
    return "".join(f"{stack} {value}\n" for stack, value in sorted(weights.items()))


def _plain(name: str) -> str:
    return _SURROGATES.sub("\ufffd", _LINE_ENDS.sub(" ", name.replace(";", ":")))
