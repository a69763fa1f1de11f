# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What an attached program and `attach` say to each other, as lines of JSON.

The program sends `Begun`; then windows, each of them a `head`, its samples in several
lines, and `tail`; then `Ended`. Instead of `Begun` it may send `Refused`. `attach` sends
nothing: it closes its side when it wants no more.

Each side takes the other for what it may have become: what is no such line is a
ValueError.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple, Union

from pyroscope_native.figures import Deliveries, Stats
from pyroscope_native.model import Frame, Function, Profile, Sample

_CHUNK = 500
"""Samples in a line: while one is made, the program waits for the GIL."""

_LINE_LIMIT = 1 << 28
"""Bytes in a line: the names of a program are far less."""


class Refused(NamedTuple):
    """Nothing is profiled."""

    reason: str


class Begun(NamedTuple):
    """The session has begun."""

    program: str
    """A name for it."""


class Ended(NamedTuple):
    """The session has ended."""

    stats: Stats
    clock_reason: str
    """Why it is not the clock that was to be; empty if it is."""


Message = Union[Refused, Begun, Profile, Ended]

_KINDS: dict[str, Any] = {"refused": Refused, "begun": Begun, "ended": Ended}


def encode(message: Message) -> Iterator[bytes]:
    """The lines of `message`, one at a time."""
    if isinstance(message, Profile):
        head = message._replace(samples=[], comments=list(message.comments))
        yield _line("head", head)
        for start in range(0, len(message.samples), _CHUNK):
            yield _line("samples", message.samples[start : start + _CHUNK])
        yield _line("tail", None)
        return
    for kind, of_kind in _KINDS.items():
        if isinstance(message, of_kind):
            yield _line(kind, message)


def _line(kind: str, value: object) -> bytes:
    return json.dumps([kind, value], separators=(",", ":")).encode() + b"\n"


class Decoder:
    """Makes messages of what comes, in whatever pieces."""

    def __init__(self) -> None:
        self._rest = b""
        self._head: Profile | None = None

    def feed(self, data: bytes) -> Iterator[Message]:
        """Raises ValueError."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LINE_LIMIT:
            raise ValueError("a line without an end")
        for line in lines:
            try:
                message = self._message(*json.loads(line))
            except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError):
                raise ValueError(f"not what was expected: {line[:80]!r}") from None
            if message is not None:
                yield message

    def _message(self, kind: str, value: Any) -> Message | None:
        if kind == "head":
            self._head = _head(*value)
        elif kind == "samples":
            samples = [
                Sample(tuple(stack), int(weight), tuple((str(n), str(v)) for n, v in labels))
                for stack, weight, labels in value
            ]
            self._head.samples.extend(samples)  # type: ignore[union-attr]
        elif kind == "tail":
            profile, self._head = self._head, None
            return _checked(profile)  # type: ignore[arg-type]
        elif kind == "ended":
            figures, clock_reason = value
            stats = Stats(*figures)
            return Ended(
                stats._replace(deliveries=Deliveries(*stats.deliveries)), str(clock_reason)
            )
        else:
            message: Message = _KINDS[kind](*map(str, value))
            return message
        return None


def _head(
    functions: Any,
    frames: Any,
    samples: Any,
    sample_type: Any,
    period_type: Any,
    period: Any,
    time_ns: Any,
    duration_ns: Any,
    comments: Any,
) -> Profile:
    sample_name, sample_unit = map(str, sample_type)
    period_name, period_unit = map(str, period_type)
    return Profile(
        functions=[Function(str(name), str(file), int(line)) for name, file, line in functions],
        frames=[Frame(int(function), int(line)) for function, line in frames],
        samples=[],
        sample_type=(sample_name, sample_unit),
        period_type=(period_name, period_unit),
        period=int(period),
        time_ns=int(time_ns),
        duration_ns=int(duration_ns),
        comments=list(map(str, comments)),
    )


def _checked(profile: Profile) -> Profile:
    """Raises LookupError and TypeError where something is referred to that is not there."""
    functions, frames = range(len(profile.functions)), range(len(profile.frames))
    if not all(frame.function in functions for frame in profile.frames):
        raise LookupError("function")
    if not all(sample.stack for sample in profile.samples):
        raise LookupError("frame")
    if not all(frame in frames for sample in profile.samples for frame in sample.stack):
        raise LookupError("frame")
    return profile
