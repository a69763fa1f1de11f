# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""CHANGELOG.md: a section for each version, newest first.

    ## 0.2.0 (2027-01-31)

    - What users get.

A version that is not released yet has "unreleased" instead of the day.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from wheels.checkout import ROOT

CHANGELOG = ROOT / "CHANGELOG.md"

HEADING = re.compile(r"^## (\S+)(?: \((.*)\))?$", re.MULTILINE)


class Section(NamedTuple):
    """What is said of one version."""

    version: str
    day: str
    """As written; a release wants a date in ISO form."""
    text: str
    """What is below the heading, without blank lines around it."""


def sections(changelog: str) -> list[Section]:
    """Those of a changelog's text, newest first."""
    headings = list(HEADING.finditer(changelog))
    ends = [*(each.start() for each in headings), len(changelog)][1:]
    return [
        Section(each[1], each[2] or "", changelog[each.end() : end].strip())
        for each, end in zip(headings, ends, strict=True)
    ]
