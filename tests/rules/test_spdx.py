# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Each source file says whose it is and under which licence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PLACES = (".github", "csrc", "pyroscope_native", "tests", "benchmarks", "examples", "wheels")
SUFFIXES = {".c", ".h", ".py", ".pyi", ".pyx", ".css", ".js", ".html", ".sh", ".yaml"}
SUFFIXES |= {".alloy", ".toml", ".yml"}
GENERATED = {"pyroscope_native/_core.c"}

# Built up, so that no tool takes them for this file's own.
COPYRIGHT = "SPDX-" + "FileCopyrightText: The pyroscope_native authors"
LICENCE = "SPDX-" + "License-Identifier: Apache-2.0"
DECORATION = re.compile(r"^[\s#/*<!-]+|[\s*/>-]+$")


def sources() -> Iterator[Path]:
    yield from ROOT.glob("*.py")
    for place in PLACES:
        for path in ROOT.glob(f"{place}/**/*"):
            if path.suffix in SUFFIXES and path.relative_to(ROOT).as_posix() not in GENERATED:
                yield path


def head_of(path: Path) -> list[str]:
    """The text of the first lines, without what makes a comment of it."""
    lines = path.read_text(encoding="utf-8").splitlines()[:6]
    return [DECORATION.sub("", line) for line in lines]


def test_every_source_has_both_lines() -> None:
    paths = list(sources())
    assert {path.suffix for path in paths} >= {".c", ".h", ".py", ".pyx"}
    lacking = [
        str(path.relative_to(ROOT))
        for path in paths
        if not {COPYRIGHT, LICENCE} <= set(head_of(path))
    ]
    assert not lacking
