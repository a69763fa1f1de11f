# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Mostly calls and returns."""

from __future__ import annotations


def _fibonacci(n: int) -> int:
    return n if n < 2 else _fibonacci(n - 1) + _fibonacci(n - 2)


def run() -> int:
    """About two seconds of CPU."""
    for _ in range(90):
        _fibonacci(27)
    return 0
