# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""austin's format, MOJO (its documentation, "The MOJO file format").

A header `MOJ` and a version, then events: a byte that says which, and its fields, which
are numbers, of 7 bits a byte but for the first, which has a sign and 6, or texts that end
with a zero byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_METADATA, _STACK, _FRAME, _FRAME_INVALID, _FRAME_REFERENCE, _FRAME_KERNEL = 1, 2, 3, 4, 5, 6
_GC, _IDLE, _TIME, _MEMORY, _STRING, _STRING_REFERENCE = 7, 8, 9, 10, 11, 12
VERSION = 3


class Stack(NamedTuple):
    """One sample."""

    functions: list[str]
    """Root first."""
    time_us: int
    """Since the sample before."""


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_at_end(self) -> bool:
        return self._at >= len(self._data)

    def byte(self) -> int:
        if self.is_at_end:
            raise ValueError("it ends within an event")
        self._at += 1
        return self._data[self._at - 1]

    def number(self) -> int:
        byte = self.byte()
        is_negative, value, shift = byte & 0x40, byte & 0x3F, 6
        while byte & 0x80:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
        return -value if is_negative else value

    def text(self) -> str:
        end = self._data.find(b"\0", self._at)
        if end < 0:
            raise ValueError("it ends within a text")
        text = self._data[self._at : end].decode("utf-8", "replace")
        self._at = end + 1
        return text


def stacks(data: bytes) -> Iterator[Stack]:
    """The samples in a file.

    Raises:
        ValueError: it is not of this format, or of another version
    """
    if data[:3] != b"MOJ":
        raise ValueError("not MOJO")
    reader = _Reader(data[3:])
    if reader.number() != VERSION:
        raise ValueError(f"not MOJO {VERSION}")
    strings: dict[int, str] = {}
    frames: dict[int, str] = {}
    stack: list[str] = []
    time_us, is_open = 0, False
    while not reader.is_at_end:
        event = reader.byte()
        if event == _METADATA:
            reader.text(), reader.text()
        elif event == _STACK:
            if is_open:
                yield Stack(stack, time_us)
            reader.number(), reader.number(), reader.text()  # process, interpreter, thread
            stack, time_us, is_open = [], 0, True
        elif event == _FRAME:
            key, _, scope = reader.number(), reader.number(), reader.number()
            for _ in ("line", "end line", "column", "end column"):
                reader.number()
            frames[key] = strings.get(scope, "")
        elif event == _FRAME_REFERENCE:
            stack.append(frames[reader.number()])
        elif event == _FRAME_KERNEL:
            stack.append(reader.text())
        elif event == _TIME:
            time_us = reader.number()
        elif event == _MEMORY:
            reader.number()
        elif event == _STRING:
            key = reader.number()
            strings[key] = reader.text()
        elif event == _STRING_REFERENCE:
            reader.number()
        elif event not in (_FRAME_INVALID, _GC, _IDLE):
            raise ValueError(f"event {event} is not known")
    if is_open:
        yield Stack(stack, time_us)
