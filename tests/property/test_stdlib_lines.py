# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Lines are the interpreter's own: a part of tests/stress/stdlib_lines.py."""

from __future__ import annotations

from tests.stress import stdlib_lines

EVERY = 20


def test_lines_of_the_standard_library() -> None:
    paths = stdlib_lines.sources()[::EVERY]
    assert paths
    assert not [mismatch for path in paths for mismatch in stdlib_lines.mismatches(path)]
