# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Objects that are made and dropped, with cycles among them for the collector."""

from __future__ import annotations


class _Node:
    def __init__(self, value: int, other: _Node | None) -> None:
        self.value = value
        self.other = other
        self.links = [self, other]
        self.name = {"value": str(value)}


def _chain(length: int) -> int:
    node = None
    for value in range(length):
        node = _Node(value, node)
    return 0 if node is None else node.value


def run() -> int:
    """About two seconds of CPU."""
    for _ in range(70):
        _chain(25_000)
    return 0
