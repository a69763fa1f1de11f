# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The matrix of CPythons, `pythons.toml`.

    python -m wheels.pythons                    a row a line, for shells: minor, tests
    python -m wheels.pythons --json             the minors, for the matrix of a workflow
    python -m wheels.pythons --cibuildwheel     what its CIBW_BUILD should be

Other modules read it by `pythons`.
"""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

MATRIX = Path(__file__).with_name("pythons.toml")


class Python(NamedTuple):
    """A row; the file's head says what is in it."""

    minor: str
    tests: str
    debian: str | None = None

    @property
    def tag(self) -> str:
        """In the names of wheels, as `cp312`."""
        return "cp" + self.minor.replace(".", "")


def pythons() -> list[Python]:
    """All rows, oldest first.

    Raises `TypeError` for a row with too little or too much in it.
    """
    return [Python(**row) for row in tomllib.loads(MATRIX.read_text())["python"]]


def python(minor: str) -> Python:
    """The row of a minor; raises `KeyError`."""
    return {each.minor: each for each in pythons()}[minor]


if __name__ == "__main__":
    if sys.argv[1:] == ["--json"]:
        print(json.dumps([each.minor for each in pythons()]))
    elif sys.argv[1:] == ["--cibuildwheel"]:
        print(*(f"{each.tag}-*" for each in pythons()))
    else:
        for each in pythons():
            print(each.minor, each.tests)
