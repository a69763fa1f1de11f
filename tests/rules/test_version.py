# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The version is said in one place, `pyroscope_native/version.py`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pyroscope_native.version import VERSION

ROOT = Path(__file__).resolve().parents[2]

PLACES = ("*", ".ci/*", ".github/**/*", "benchmarks/**/*", "csrc/**/*", "docs/**/*")
PLACES += ("examples/**/*", "pyroscope_native/**/*", "tests/**/*", "wheels/**/*")
TEXTS = {"", ".c", ".h", ".in", ".json", ".md", ".py", ".pyi", ".pyx", ".toml", ".yaml", ".yml"}

# Of another package's version nobody needs to think.
SAID = re.compile(
    rf"(pyroscope[-_ ]?native|\bversion)\b\W{{0,9}}v?{re.escape(VERSION)}(?![\w.]?\d)",
    re.IGNORECASE,
)

MEASURED = re.compile(r"<!-- overhead:begin -->.*<!-- overhead:end -->", re.DOTALL)
"""What was measured was a version, and stays what it was."""

RECORDS = {"CHANGELOG.md", "benchmarks/results.json", "docs/overhead.md"}


def texts() -> Iterator[tuple[str, str]]:
    for place in PLACES:
        for path in ROOT.glob(place):
            name = path.relative_to(ROOT).as_posix()
            if path.is_file() and path.suffix in TEXTS and name not in RECORDS:
                yield name, MEASURED.sub("", path.read_text(encoding="utf-8", errors="replace"))


def test_one_place_says_the_version() -> None:
    assert {name for name, text in texts() if SAID.search(text)} == {"pyroscope_native/version.py"}


def test_what_is_looked_for_would_be_found() -> None:
    for text in (
        "pyroscope-native=={}",
        "pyroscope_native-{}.tar.gz",
        'VERSION = "{}"',
        "version: v{}",
    ):
        assert SAID.search(text.format(VERSION)), text
    for text in ("pyroscope-io {}", "version = {}.1", "pyroscope_native {}1"):
        assert not SAID.search(text.format(VERSION)), text
