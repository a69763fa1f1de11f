# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A pprof reader that shares nothing with the code under test.

It reads the protobuf wire format by hand, so that neither protobuf nor a
wrong field number of ours can agree with itself. `read` takes what the format
allows; `check` also wants what Pyroscope wants of a profile that we push. The
rules are Pyroscope's own (its pkg/pprof/pprof.go and pkg/validation), with the
defaults of a server nobody configured.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Union

MAX_SAMPLES = 16_000
MAX_STACK_FRAMES = 1000
MAX_SERIES_LABELS = 30
MAX_SAMPLE_LABELS = 100
MAX_LABEL_NAME_BYTES = 1024
MAX_LABEL_VALUE_BYTES = 2048
MAX_PROFILE_BYTES = 2_000_000
MAX_TEXT_BYTES = 65_535
SPAN_LABELS = {"profile_id": 16, "span_id": 16, "trace_id": 32}
"""Labels that make no series, and how many hex digits they have."""


class ReadFrame(NamedTuple):
    name: str
    filename: str
    start_line: int
    line: int


class ReadSample(NamedTuple):
    stack: tuple[ReadFrame, ...]
    """Leaf first."""
    values: tuple[int, ...]
    labels: tuple[tuple[str, str], ...]
    """String labels in the order of the file."""


@dataclass
class ReadProfile:
    """What a pprof says, with every index resolved."""

    string_table: list[str]
    sample_types: list[tuple[str, str]]
    samples: list[ReadSample]
    period_type: tuple[str, str] | None
    period: int | None
    time_ns: int | None
    duration_ns: int | None
    comments: list[str]
    size_bytes: int
    """Uncompressed."""


def read(data: bytes) -> ReadProfile:
    """Decode a pprof, gzip or plain; `AssertionError` where it isn't one."""
    return _parse(data).resolve()


def check(data: bytes, *, max_stack_frames: int = MAX_STACK_FRAMES) -> ReadProfile:
    """Decode a pprof of ours; `AssertionError` names the rule that it breaks."""
    message = _parse(data)
    profile = message.resolve()
    _check_tables(message)
    _check_profile(profile)
    _check_samples(profile, max_stack_frames)
    return profile


def _check_tables(message: _Message) -> None:
    assert message.mappings, "there is one mapping"
    assert len(message.mappings) == 1, "there is only one mapping"
    mapping = message.mappings[0]
    assert mapping.get(1) == [1], "the mapping's id is 1"
    for number in (7, 8, 9, 10):
        assert mapping.get(number) == [1], "the mapping has all four has_* flags"
    assert not _number(mapping, 5), "the mapping has no file name"

    for noun, entries in (("function", message.functions), ("location", message.locations)):
        ids = [_number(entry, 1) for entry in entries]
        assert 0 not in ids, f"no {noun} id is zero"
        assert sorted(ids) == list(range(1, len(ids) + 1)), f"{noun} ids are distinct and dense"
    for location in message.locations:
        assert location.get(2) == [1], "each location refers to the mapping"
        assert len(location.get(4, [])) == 1, "each location has one line"
        assert not _number(location, 3), "no location has an address"

    for sample in _messages(message.root, 2):
        for label in _messages(sample, 3):
            assert _number(label, 2), "no label is a number"

    strings = message.strings
    assert len(strings) == len(set(strings)), "no string is there twice"
    assert "".join(strings[1:2]).endswith(".py"), "the first string tells Python"
    for text in strings:
        assert len(text.encode()) <= MAX_TEXT_BYTES, "no string is cut by the server"


def _check_profile(profile: ReadProfile) -> None:
    assert profile.size_bytes < MAX_PROFILE_BYTES, "a profile is smaller than the burst limit"
    assert len(profile.sample_types) == 1, "there is one sample type"
    name, unit = profile.sample_types[0]
    assert name, "the sample type has a name"
    assert unit, "the sample type has a unit"
    assert "-" not in name, "the sample type's name has no dash"
    assert profile.period_type is not None, "the period type is there"
    assert profile.period is not None, "the period is there"
    assert profile.time_ns is not None, "the time is there"
    assert profile.duration_ns is not None, "the duration is there"


def _check_samples(profile: ReadProfile, max_stack_frames: int) -> None:
    assert len(profile.samples) <= MAX_SAMPLES, "there are no more samples than the server takes"
    distinct = {(sample.stack, sample.labels) for sample in profile.samples}
    assert len(distinct) == len(profile.samples), "no stack and label set is there twice"
    for sample in profile.samples:
        assert sample.stack, "each sample has a stack"
        assert len(sample.stack) <= max_stack_frames, "no stack is cut by the server"
        assert sample.values[0] > 0, "no value is zero or negative"
        check_labels(sample.labels)
        for name, value in sample.labels:
            assert value, "each label has a value"
            if name in SPAN_LABELS:
                digits = f"[0-9a-fA-F]{{{SPAN_LABELS[name]}}}"
                assert re.fullmatch(digits, value), f"{name} has its hex digits"


def check_labels(labels: tuple[tuple[str, str], ...]) -> None:
    """Want of the labels of a sample or a series what the server wants of them."""
    names = [name for name, _ in labels]
    assert len(names) <= MAX_SAMPLE_LABELS, "a sample has no more labels than the server takes"
    assert len(names) == len(set(names)), "no label name is there twice"
    series = [name for name in names if name not in SPAN_LABELS]
    assert len(series) <= MAX_SERIES_LABELS, "a series has no more labels than the server takes"
    for name, value in labels:
        assert name, "each label has a name"
        assert len(name.encode()) <= MAX_LABEL_NAME_BYTES, "no label name is too long"
        assert len(value.encode()) <= MAX_LABEL_VALUE_BYTES, "no label value is too long"


# The wire format: https://protobuf.dev/programming-guides/encoding/

Fields = dict[int, list[Union[int, bytes]]]
"""Values by field number, in the order of the file; messages as bytes."""


def fields(data: bytes) -> Fields:
    """Split a message into its fields, knowing nothing of their meaning."""
    found: Fields = {}
    for number, value in _walk(data):
        found.setdefault(number, []).append(value)
    return found


def _walk(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire_type = tag >> 3, tag & 7
        assert number > 0, "field numbers begin at 1"
        if wire_type == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        assert wire_type in (1, 2, 5), f"wire type {wire_type} is none of protobuf's"
        if wire_type == 2:
            size, at = _varint(data, at)
        else:
            size = 8 if wire_type == 1 else 4
        assert at + size <= len(data), "no field goes beyond its message"
        yield number, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        assert at < len(data), "no number goes beyond its message"
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            assert value < 1 << 64, "no number has more than 64 bits"
            return value, at
    raise AssertionError("no number has more than ten bytes")


def _number(message: Fields, number: int) -> int:
    """Return an unsigned number, the last one given, 0 if there is none."""
    value = message.get(number, [0])[-1]
    assert isinstance(value, int), f"field {number} is a number"
    return value


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _optional(message: Fields, number: int) -> int | None:
    return _signed(_number(message, number)) if number in message else None


def _numbers(message: Fields, number: int) -> list[int]:
    """Return repeated unsigned numbers, packed or not."""
    numbers = []
    for value in message.get(number, []):
        if isinstance(value, int):
            numbers.append(value)
            continue
        at = 0
        while at < len(value):
            item, at = _varint(value, at)
            numbers.append(item)
    return numbers


def _texts(message: Fields, number: int) -> list[str]:
    texts = []
    for value in message.get(number, []):
        assert isinstance(value, bytes), f"field {number} is a text"
        try:
            texts.append(value.decode())
        except UnicodeDecodeError:
            raise AssertionError("every string is valid UTF-8") from None
    return texts


def _messages(message: Fields, number: int) -> list[Fields]:
    messages = []
    for value in message.get(number, []):
        assert isinstance(value, bytes), f"field {number} is a message"
        messages.append(fields(value))
    return messages


@dataclass
class _Message:
    """A pprof whose indices and ids are still those of the file."""

    root: Fields
    size_bytes: int
    strings: list[str] = field(init=False)
    mappings: list[Fields] = field(init=False)
    locations: list[Fields] = field(init=False)
    functions: list[Fields] = field(init=False)

    def __post_init__(self) -> None:
        self.mappings = _messages(self.root, 3)
        self.locations = _messages(self.root, 4)
        self.functions = _messages(self.root, 5)
        self.strings = _texts(self.root, 6)

    def resolve(self) -> ReadProfile:
        assert self.strings[:1] == [""], "the first string is empty"
        sample_types = [self._value_type(each) for each in _messages(self.root, 1)]
        assert sample_types, "there is a sample type"
        period_types = _messages(self.root, 11)
        functions = {_number(each, 1): each for each in self.functions}
        frames = {_number(each, 1): self._frames(each, functions) for each in self.locations}
        samples = [self._sample(each, frames) for each in _messages(self.root, 2)]
        for sample in samples:
            assert len(sample.values) == len(sample_types), "a value per sample type"
        return ReadProfile(
            string_table=self.strings,
            sample_types=sample_types,
            samples=samples,
            period_type=self._value_type(period_types[-1]) if period_types else None,
            period=_optional(self.root, 12),
            time_ns=_optional(self.root, 9),
            duration_ns=_optional(self.root, 10),
            comments=[self._string(index) for index in _numbers(self.root, 13)],
            size_bytes=self.size_bytes,
        )

    def _string(self, index: int) -> str:
        assert index < len(self.strings), "no string index is out of range"
        return self.strings[index]

    def _value_type(self, message: Fields) -> tuple[str, str]:
        return self._string(_number(message, 1)), self._string(_number(message, 2))

    def _frames(self, location: Fields, functions: dict[int, Fields]) -> list[ReadFrame]:
        frames = []
        for line in _messages(location, 4):
            function_id = _number(line, 1)
            assert function_id in functions, "no function id is out of range"
            function = functions[function_id]
            frames.append(
                ReadFrame(
                    name=self._string(_number(function, 2)),
                    filename=self._string(_number(function, 4)),
                    start_line=_signed(_number(function, 5)),
                    line=_signed(_number(line, 2)),
                )
            )
        return frames

    def _sample(self, sample: Fields, frames: dict[int, list[ReadFrame]]) -> ReadSample:
        stack: list[ReadFrame] = []
        for location_id in _numbers(sample, 1):
            assert location_id in frames, "no location id is out of range"
            stack += frames[location_id]
        labels = [
            (self._string(_number(label, 1)), self._string(_number(label, 2)))
            for label in _messages(sample, 3)
            if _number(label, 2)
        ]
        return ReadSample(
            stack=tuple(stack),
            values=tuple(map(_signed, _numbers(sample, 2))),
            labels=tuple(labels),
        )


def _parse(data: bytes) -> _Message:
    plain = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    return _Message(fields(plain), len(plain))
