# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What profiles claim against what was used, and the readers of others' files."""

from __future__ import annotations

import pytest

from benchmarks.profilers import Sample, mojo
from benchmarks.profilers.formats import collapsed_lines
from benchmarks.truths import claims, error_points, standard_error_points


def test_a_sample_is_the_innermost_s() -> None:
    samples = [
        Sample(("main", "half", "third", "spin"), 5.0),
        Sample(("main", "half", "spin"), 3.0),
        Sample(("main", "other"), 100.0),
    ]
    assert claims(samples, ["half", "third"]).functions == {"half": 3.0, "third": 5.0}


def test_labels_of_others_and_none() -> None:
    samples = [
        Sample(("request_1",), 5.0, {"request": "request_1"}),
        Sample(("request_1",), 2.0, {"request": "request_2"}),
        Sample(("request_2",), 1.0, {"thread": "request_2"}),
        Sample(("other",), 1.0, {"request": "request_2"}),
    ]
    found = claims(samples, ["request_1", "request_2"])
    assert (found.total, found.wrong, found.missing) == (8.0, 2.0, 1.0)


def test_the_largest_error_of_a_share() -> None:
    assert error_points({"a": 50.0, "b": 50.0}, {"a": 3.0, "b": 1.0}) == pytest.approx(25)
    assert error_points({"a": 30.0, "b": 10.0}, {"a": 3.0, "b": 1.0}) == pytest.approx(0)
    assert error_points({"a": 0.0, "b": 0.0}, {"a": 3.0, "b": 1.0}) == 100


def test_the_standard_error_is_that_of_a_coin() -> None:
    assert standard_error_points({"a": 50.0, "b": 50.0}, 1.0) == pytest.approx(5)


def test_collapsed_stacks_and_what_is_none() -> None:
    assert list(collapsed_lines("a;b (x y.py);c 12\n\nrubbish\nd 1\n")) == [
        (["a", "b (x y.py)", "c"], 12),
        (["d"], 1),
    ]


def _number(value: int) -> bytes:
    first, rest = value & 0x3F, value >> 6
    found = bytearray([first | (0x80 if rest else 0)])
    while rest:
        found.append(rest & 0x7F | (0x80 if rest >> 7 else 0))
        rest >>= 7
    return bytes(found)


def _frame(key: int, scope: int) -> bytes:
    return b"\x03" + b"".join(map(_number, (key, 1, scope, 10, 10, 0, 0)))


def _stack(*keys: int, time_us: int) -> bytes:
    frames = b"".join(b"\x05" + _number(key) for key in keys)
    return b"\x02" + _number(4321) + _number(0) + b"1234\0" + frames + b"\x09" + _number(time_us)


def test_mojo() -> None:
    data = b"MOJ\x03\x01mode\0cpu\0" + b"".join(
        (
            b"\x0b" + _number(200) + b"main\0",
            b"\x0b" + _number(70_000) + b"work\0",
            _frame(1, 200),
            _frame(300, 70_000),
            _stack(1, 300, time_us=10_123),
            b"\x08",
            _stack(1, time_us=9_000),
        )
    )
    assert list(mojo.stacks(data)) == [(["main", "work"], 10_123), (["main"], 9_000)]
    with pytest.raises(ValueError, match="within"):
        list(mojo.stacks(data[:-1]))
    with pytest.raises(ValueError, match="MOJO 3"):
        list(mojo.stacks(b"MOJ\x02"))
