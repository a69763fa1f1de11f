# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Thirty frames, pure Python."""

from __future__ import annotations


def _work(depth: int) -> int:
    if depth:
        return _work(depth - 1)
    total = 0
    for i in range(20_000):
        total += i
    return total


def run() -> int:
    """About two seconds of CPU."""
    for _ in range(2700):
        _work(28)
    return 0
