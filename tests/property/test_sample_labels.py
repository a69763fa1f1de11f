# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What samples are labelled with, whatever the scopes say."""

from __future__ import annotations

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from pyroscope_native.config import PROCESS_TAGS, SAMPLE_ONLY, SERIES_LABELS
from pyroscope_native.deliver.request import series_labels
from pyroscope_native.model import Labels
from pyroscope_native.sample_labels import OTHER, SampleLabels

NAMES = [*"abcdefg", "thread_name", "span_id"]
label_sets = st.lists(
    st.lists(
        st.tuples(st.sampled_from(NAMES), st.sampled_from("uvwxyz")), unique_by=lambda pair: pair[0]
    ),
    min_size=1,
    max_size=20,
)


class Window:
    """As the core has it, of one thread."""

    def __init__(self, sets: list[list[tuple[str, str]]]) -> None:
        self._sets = [tuple(text for pair in pairs for text in pair) for pairs in sets]

    def threads(self) -> list[tuple[int, str | None]]:
        return [(1 << 30, "worker")]  # no thread that there is

    def label_sets(self) -> list[tuple[str, ...]]:
        return [(), *self._sets]


def found(labels: SampleLabels, sets: list[list[tuple[str, str]]]) -> list[Labels]:
    find = labels.of_window(cast(Any, Window(sets)))
    return [find(0, number) for number in range(1, len(sets) + 1)]


@given(label_sets)
def test_without_limits_nothing_is_lost(sets: list[list[tuple[str, str]]]) -> None:
    labels = SampleLabels(value_limit=1000)
    assert found(labels, sets) == [tuple(sorted(pairs)) for pairs in sets]
    assert labels.dropped == labels.other_values == 0


@given(label_sets)
def test_what_is_known_of_a_thread_lies_beneath(sets: list[list[tuple[str, str]]]) -> None:
    labels = SampleLabels(thread_name=True, thread_id=True, value_limit=1000)
    for pairs, known in zip(sets, found(labels, sets)):
        expected = {"thread_name": "worker", "thread_id": str(1 << 30), **dict(pairs)}
        assert dict(known) == expected


@given(label_sets, st.integers(0, 5))
def test_inner_labels_find_room_first(sets: list[list[tuple[str, str]]], most: int) -> None:
    labels = SampleLabels(room=most, value_limit=1000)
    dropped = 0
    for pairs, known in zip(sets, found(labels, sets)):
        limited = [pair for pair in pairs if pair[0] not in SAMPLE_ONLY]
        dropped += len(limited[most:])
        unlimited = [pair for pair in pairs if pair[0] in SAMPLE_ONLY]
        assert set(known) == {*limited[:most], *unlimited}
    assert labels.dropped == dropped


@given(label_sets, st.integers(1, 4))
def test_a_label_has_so_many_values(sets: list[list[tuple[str, str]]], limit: int) -> None:
    labels = SampleLabels(value_limit=limit)
    values: dict[str, set[str]] = {name: set() for name in NAMES}
    others = 0
    for pairs, known in zip(sets, found(labels, sets)):
        assert [name for name, _ in known] == sorted(name for name, _ in pairs)
        for name, value in pairs:
            told = dict(known)[name]
            if told != value:
                assert told == OTHER
                assert name not in SAMPLE_ONLY
                assert value not in values[name]
                assert len(values[name]) == limit
                others += 1
            values[name].add(told) if told != OTHER else None
    assert labels.other_values == others


def test_room_is_left_for_the_labels_of_the_series() -> None:
    for_alloy = 1
    standing = len(series_labels("shop", {}, "1.0")) + for_alloy
    assert standing + PROCESS_TAGS == SERIES_LABELS
