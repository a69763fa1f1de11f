# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What profiles claim against what was used, and the readers of others' files."""

from __future__ import annotations

import pytest

from benchmarks.accuracy import Round, figures
from benchmarks.profilers import PROFILERS, Sample, mojo
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


def _by_metric(profiler: str, workload: str, rounds: list[Round]) -> dict[str, float]:
    return {
        figure.metric: figure.value for figure in figures(PROFILERS[profiler], workload, rounds)
    }


def test_rounds_are_a_median_of_claims_and_one_profile_of_shares() -> None:
    rounds = [
        Round([Sample(("half",), half), Sample(("third",), third)], {"half": 60, "third": 40})
        for half, third in ((60.0, 30.0), (50.0, 50.0), (80.0, 40.0))
    ]
    claimed, *_ = figures(PROFILERS["py-spy"], "split", rounds)
    assert (claimed.value, claimed.low, claimed.high) == pytest.approx((1.0, 0.9, 1.2))
    found = _by_metric("py-spy", "split", rounds)
    assert found["error"] == pytest.approx(100 * 190 / 310 - 60)
    assert set(found) == {"claimed", "error", "standard error"}


def test_labels_are_held_to_what_a_profiler_has() -> None:
    mine, other = {"request": "request_1"}, {"task name": "request_2"}
    samples = [Sample(("request_1",), 3.0, mine), Sample(("request_1",), 1.0, other)]
    rounds = [Round(samples, {"request_1": 4})]
    assert _by_metric("pyroscope_native", "labelled_tasks", rounds) == {
        "claimed": 1.0,
        "wrong": 0.0,
        "missing": 25.0,
    }
    assert _by_metric("ddtrace", "labelled_tasks", rounds) == {
        "claimed": 1.0,
        "wrong": 25.0,
        "missing": 75.0,
    }
    assert _by_metric("ddtrace", "labelled_threads", rounds) == {"claimed": 1.0}
    assert _by_metric("py-spy", "labelled_tasks", rounds) == {"claimed": 1.0}


def test_the_depth_is_part_of_what_was_measured() -> None:
    rounds = [Round([Sample(("descend", "_down"), 2.0)], {"_down": 0, "descend": 2})]
    (claimed,) = figures(PROFILERS["austin"], "deep:256", rounds)
    assert (claimed.value, claimed.of["workload"], claimed.of["depth"]) == (1.0, "deep", "256")


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
