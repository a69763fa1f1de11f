# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The pprof format: a `Profile` to bytes and back.

The messages are those of google/pprof's `profile.proto`.
"""

from __future__ import annotations

import gzip
import os.path
import re
import zlib
from itertools import chain
from typing import Any, TypeVar

from pyroscope_native.messages import DecodeError, Schema, message_classes
from pyroscope_native.model import Frame, Function, Labels, Profile, Sample
from pyroscope_native.turns import in_turns

_SCHEMA: Schema = {
    "Profile": {
        "sample_type": (1, "ValueType*"),
        "sample": (2, "Sample*"),
        "mapping": (3, "Mapping*"),
        "location": (4, "Location*"),
        "function": (5, "Function*"),
        # A `string` in profile.proto. The wire form is the same, and bytes let
        # us read a foreign profile whose text is not UTF-8.
        "string_table": (6, "bytes*"),
        "time_nanos": (9, "int64"),
        "duration_nanos": (10, "int64"),
        "period_type": (11, "ValueType"),
        "period": (12, "int64"),
        "comment": (13, "int64*"),
        "default_sample_type": (14, "int64"),
    },
    "ValueType": {"type": (1, "int64"), "unit": (2, "int64")},
    "Sample": {"location_id": (1, "uint64*"), "value": (2, "int64*"), "label": (3, "Label*")},
    "Label": {
        "key": (1, "int64"),
        "str": (2, "int64"),
        "num": (3, "int64"),
        "num_unit": (4, "int64"),
    },
    "Mapping": {
        "id": (1, "uint64"),
        "filename": (5, "int64"),
        "has_functions": (7, "bool"),
        "has_filenames": (8, "bool"),
        "has_line_numbers": (9, "bool"),
        "has_inline_frames": (10, "bool"),
    },
    "Location": {
        "id": (1, "uint64"),
        "mapping_id": (2, "uint64"),
        "address": (3, "uint64"),
        "line": (4, "Line*"),
    },
    "Line": {"function_id": (1, "uint64"), "line": (2, "int64")},
    "Function": {
        "id": (1, "uint64"),
        "name": (2, "int64"),
        "filename": (4, "int64"),
        "start_line": (5, "int64"),
    },
}


_MESSAGES = message_classes("pyroscope_native.pprof", _SCHEMA)
_new_message = _MESSAGES["Profile"]

MAX_STACK_FRAMES = 1000
"""What a server keeps of a stack."""

_PART_SAMPLES = 500
"""Protobuf serialises so many at a time, in a few hundred microseconds."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_MAPPING_ID = 1

_LabelPairs = tuple[tuple[int, int], ...]
"""String indices of the names and values of one label set."""


def encode(profile: Profile) -> bytes:
    """Return `profile` as an uncompressed pprof that Pyroscope takes as it is.

    Samples without a positive weight are left out, equal ones (by what they
    say, not by their indices) become one, and only what samples refer to is
    written. Labels become string labels; one without a name or a value is left
    out. Text that UTF-8 can't carry gets U+FFFD in its place.

    Raises `ValueError` for a number that doesn't fit into 64 bits.
    """
    writer = _Writer(profile)
    samples = [sample for sample in profile.samples if sample.value > 0]

    used: set[int] = set()
    for sample in in_turns(samples):
        used.update(sample.stack)
    frames = {index: profile.frames[index] for index in in_turns(sorted(used))}
    function_ids = {
        index: writer.function(profile.functions[index])
        for index in in_turns(dict.fromkeys(frame.function for frame in frames.values()))
    }
    location_id = {
        index: writer.location(function_ids[frame.function], frame.line)
        for index, frame in in_turns(frames.items())
    }.__getitem__
    label_pairs = {
        labels: writer.labels(labels)
        for labels in in_turns(dict.fromkeys(sample.labels for sample in samples))
    }

    weights: dict[tuple[tuple[int, ...], _LabelPairs], int] = {}
    for sample in in_turns(samples):
        key = (tuple(map(location_id, sample.stack)), label_pairs[sample.labels])
        weights[key] = weights.get(key, 0) + sample.value
    for (location_ids, pairs), value in in_turns(weights.items()):
        writer.sample(location_ids, value, pairs)
    return writer.finish()


class _Writer:
    """A pprof message under construction and the tables that its ids live in.

    Functions and locations, the bulk of it, are assigned attribute by attribute:
    protobuf takes a quarter longer over keyword arguments.
    """

    def __init__(self, profile: Profile) -> None:
        self.message = _new_message()
        self._parts: list[bytes] = []
        self._strings = {"": 0}
        self._functions: dict[tuple[int, int, int], int] = {}
        self._locations: dict[tuple[int, int], int] = {}

        # The server guesses the language from the first strings, and rewrites
        # what it takes for Go: the first one must look like Python.
        self.string(_python_filename(profile))
        self._value_type(self.message.sample_type.add(), profile.sample_type)
        self._value_type(self.message.period_type, profile.period_type)
        self.message.period = profile.period
        self.message.time_nanos = profile.time_ns
        self.message.duration_nanos = profile.duration_ns
        self.message.comment.extend(map(self.string, profile.comments))
        # Complete and nameless: with a flag missing the server would try to
        # symbolise, and a name would become the key that it stores symbols by.
        self.message.mapping.add(
            id=_MAPPING_ID,
            has_functions=True,
            has_filenames=True,
            has_line_numbers=True,
            has_inline_frames=True,
        )

    def string(self, text: str) -> int:
        return self._strings.setdefault(valid_text(text), len(self._strings))

    def function(self, function: Function) -> int:
        name, filename = self.string(function.name), self.string(function.filename)
        key = (name, filename, function.start_line)
        known = self._functions.get(key)
        if known is None:
            known = self._functions[key] = len(self._functions) + 1
            message = self.message.function.add()
            message.id = known
            message.name = name
            message.filename = filename
            message.start_line = function.start_line
        return known

    def location(self, function_id: int, line: int) -> int:
        key = (function_id, line)
        known = self._locations.get(key)
        if known is None:
            known = self._locations[key] = len(self._locations) + 1
            message = self.message.location.add()
            message.id = known
            message.mapping_id = _MAPPING_ID
            line_message = message.line.add()
            line_message.function_id = function_id
            line_message.line = line
        return known

    def sample(self, location_ids: tuple[int, ...], value: int, labels: _LabelPairs) -> None:
        message = self.message.sample.add()
        message.location_id.extend(location_ids)
        message.value.append(value)
        for name, text in labels:
            message.label.add(key=name, str=text)
        if len(self.message.sample) == _PART_SAMPLES:
            self._end_part()

    def labels(self, labels: Labels) -> _LabelPairs:
        return tuple(
            (self.string(name), self.string(text)) for name, text in labels if name and text
        )

    def finish(self) -> bytes:
        self.message.string_table.extend([text.encode() for text in in_turns(self._strings)])
        self._end_part()
        return b"".join(self._parts)

    def _end_part(self) -> None:
        """Messages that follow each other are one: lists are added up, of what is there
        once the last counts."""
        self._parts.append(self.message.SerializeToString())
        self.message.Clear()

    def _value_type(self, message: Any, value_type: tuple[str, str]) -> None:
        name, unit = value_type
        message.type = self.string(name.replace("-", "_"))  # the server refuses a dash
        message.unit = self.string(unit)


def _python_filename(profile: Profile) -> str:
    for function in profile.functions:
        if function.filename.endswith(".py"):
            return function.filename
    return "python.py"


def valid_text(text: str) -> str:
    """Return `text` with U+FFFD for each lone surrogate, which UTF-8 can't carry.

    They come from file names and environment variables that are not UTF-8; the
    server refuses a whole upload for one.
    """
    return _SURROGATE.sub("\ufffd", text)


def limit_depth(profile: Profile, max_frames: int) -> Profile:
    """Return `profile` with no stack longer than `max_frames`.

    A longer one keeps its leaf side and gets a root frame `[truncated]`: the
    server, left to itself, would cut the leaves and with them all self time.
    """
    if all(len(sample.stack) <= max_frames for sample in profile.samples):
        return profile
    root = len(profile.frames)
    samples = [
        sample._replace(stack=(*sample.stack[: max_frames - 1], root))
        if len(sample.stack) > max_frames
        else sample
        for sample in profile.samples
    ]
    return profile._replace(
        functions=[*profile.functions, Function("[truncated]", "", 0)],
        frames=[*profile.frames, Frame(len(profile.functions), 0)],
        samples=samples,
    )


def decode(data: bytes, sample_type: str = "") -> Profile:
    """Read any pprof, gzip or plain, whoever wrote it.

    Of several sample types it takes the one called `sample_type`, or the default
    one, or else the last, as `go tool pprof` does. Inlined lines become frames of
    their own, an address without a function a frame named by it, and numbers in
    labels become text.

    Raises `ValueError` where `data` is no complete and consistent pprof.
    """
    message = _new_message()
    try:
        message.ParseFromString(_uncompressed(data))
    except DecodeError as error:
        raise ValueError("not a pprof: malformed protobuf") from error
    return _Reader(message, sample_type).profile()


def _uncompressed(data: bytes) -> bytes:
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        return gzip.decompress(data)
    except EOFError as error:
        raise ValueError("truncated gzip") from error
    except (OSError, zlib.error) as error:
        raise ValueError(f"damaged gzip: {error}") from error


_T = TypeVar("_T")


class _Reader:
    """A parsed pprof message on its way to a `Profile`."""

    def __init__(self, message: Any, sample_type: str) -> None:
        self._message = message
        self._wanted = sample_type
        self._strings: list[str] = [
            text.decode("utf-8", "replace") for text in message.string_table
        ]
        self._functions: dict[Function, int] = {}
        self._frames: dict[Frame, int] = {}

    def profile(self) -> Profile:
        message = self._message
        if not message.sample_type:
            raise ValueError("not a pprof: no sample type")
        if self._string(0):
            raise ValueError("not a pprof: the string table begins with a text")
        value_index, sample_type = self._chosen_type()
        samples = self._samples(value_index)
        return Profile(
            functions=list(self._functions),
            frames=list(self._frames),
            samples=samples,
            sample_type=sample_type,
            period_type=self._value_type(message.period_type),
            period=message.period,
            time_ns=message.time_nanos,
            duration_ns=message.duration_nanos,
            comments=[self._string(index) for index in message.comment],
        )

    def _string(self, index: int) -> str:
        if not 0 <= index < len(self._strings):
            raise ValueError(f"string {index} is out of range: the table has {len(self._strings)}")
        return self._strings[index]

    def _value_type(self, message: Any) -> tuple[str, str]:
        return self._string(message.type), self._string(message.unit)

    def _chosen_type(self) -> tuple[int, tuple[str, str]]:
        types = [self._value_type(value_type) for value_type in self._message.sample_type]
        for name in (self._wanted, self._string(self._message.default_sample_type)):
            for index, value_type in enumerate(types):
                if name and value_type[0] == name:
                    return index, value_type
        return len(types) - 1, types[-1]

    def _samples(self, value_index: int) -> list[Sample]:
        frames_by_location = self._frames_by_location()
        weights: dict[tuple[tuple[int, ...], Labels], int] = {}
        for message in self._message.sample:
            if len(message.value) != len(self._message.sample_type):
                raise ValueError("a sample has more or fewer values than there are sample types")
            frames = [_find("location", frames_by_location, key) for key in message.location_id]
            stack = tuple(chain.from_iterable(frames)) or (self._marker("[no stack]"),)
            key = (stack, self._labels(message.label))
            weights[key] = weights.get(key, 0) + message.value[value_index]
        return [Sample(stack, value, labels) for (stack, labels), value in weights.items() if value]

    def _frames_by_location(self) -> dict[int, tuple[int, ...]]:
        """Frame indices, innermost first, by location id."""
        functions = {
            message.id: Function(
                self._string(message.name), self._string(message.filename), message.start_line
            )
            for message in self._message.function
        }
        mapped_files = {
            message.id: self._string(message.filename) for message in self._message.mapping
        }
        frames_by_location = {}
        for location in self._message.location:
            frames = tuple(
                self._frame(_find("function", functions, line.function_id), line.line)
                for line in location.line
                if line.function_id
            )
            frames_by_location[location.id] = frames or (self._address(location, mapped_files),)
        return frames_by_location

    def _frame(self, function: Function, line: int) -> int:
        index = self._functions.setdefault(function, len(self._functions))
        return self._frames.setdefault(Frame(index, line), len(self._frames))

    def _marker(self, name: str) -> int:
        return self._frame(Function(name, "", 0), 0)

    def _address(self, location: Any, mapped_files: dict[int, str]) -> int:
        name = f"0x{location.address:x}"
        filename = ""
        if location.mapping_id:
            filename = _find("mapping", mapped_files, location.mapping_id)
        if filename:
            name = f"{name} ({os.path.basename(filename)})"
        return self._frame(Function(name, filename, 0), 0)

    def _labels(self, messages: Any) -> Labels:
        labels = set()
        for message in messages:
            name, text = self._string(message.key), self._string(message.str)
            unit = self._string(message.num_unit)
            if not text and (message.num or unit):
                text = f"{message.num} {unit}".rstrip()
            if text:
                labels.add((name, text))
        return tuple(sorted(labels))


def _find(noun: str, table: dict[int, _T], key: int) -> _T:
    if key not in table:
        raise ValueError(f"{noun} {key} is referred to but not there")
    return table[key]
