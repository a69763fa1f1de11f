# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""How the suite against a real server reads answers and compares them."""

from __future__ import annotations

from typing import Any

from tests.support import querier
from tests.support.pprof_reader import ReadFrame, ReadProfile, ReadSample
from tests.support.querier import Place

MAIN = Place("main", "/srv/app.py", 12)
LOOP = Place("main", "/srv/app.py", 14)
WORK = Place("Größe.messen", "/srv/größe.py", 3)

PROFILE: dict[str, Any] = {
    "sampleType": [{"type": "5", "unit": "6"}],
    "sample": [
        {"locationId": ["2", "1"], "value": ["30000000"]},
        {"locationId": ["1"], "value": ["10000000"]},
        {"locationId": ["3", "1"], "value": ["5"]},
        {"locationId": ["2", "1"], "value": ["7"]},
    ],
    "mapping": [{"id": "1", "hasFunctions": True}],
    "location": [
        {"id": "1", "mappingId": "1", "line": [{"functionId": "1", "line": "12"}]},
        {"id": "2", "mappingId": "1", "line": [{"functionId": "2", "line": "3"}]},
        {"id": "3", "mappingId": "1", "line": [{"functionId": "3"}]},
    ],
    "function": [
        {"id": "1", "name": "1", "filename": "2", "startLine": "10"},
        {"id": "2", "name": "3", "filename": "4", "startLine": "1"},
        {"id": "3", "name": "7"},
    ],
    "stringTable": [
        "",
        "main",
        "/srv/app.py",
        "Größe.messen",
        "/srv/größe.py",
        "cpu",
        "nanoseconds",
        "[no Python code]",
    ],
    "timeNanos": "1700000000000000000",
    "periodType": {"type": "5", "unit": "6"},
    "period": "10000000",
}

FLAMEGRAPH: dict[str, Any] = {
    # total 100: main 90 (self 20) with walk 40 (self 10), walk 30 within, and dump 30;
    # then idle 10.
    "names": ["total", "idle", "main", "walk", "dump"],
    "levels": [
        {"values": ["0", "100", "0", "0"]},
        {"values": ["0", "90", "20", "2", "0", "10", "10", "1"]},
        {"values": ["20", "40", "10", "3", "0", "30", "30", "4"]},
        {"values": ["30", "30", "30", "3"]},
    ],
    "total": "100",
    "maxSelf": "30",
}


def profile_of(*samples: tuple[tuple[Place, ...], int, dict[str, str]]) -> ReadProfile:
    return ReadProfile(
        string_table=[""],
        sample_types=[("cpu", "nanoseconds")],
        samples=[
            ReadSample(
                tuple(ReadFrame(place.name, place.filename, 1, place.line) for place in stack),
                (weight,),
                tuple(sorted(labels.items())),
            )
            for stack, weight, labels in samples
        ],
        period_type=("cpu", "nanoseconds"),
        period=10_000_000,
        time_ns=1,
        duration_ns=1,
        comments=[],
        size_bytes=1,
    )


def test_a_stored_profile_is_read_with_its_lines() -> None:
    assert querier.stored_weights(PROFILE) == {
        (WORK, MAIN): 30_000_007,
        (MAIN,): 10_000_000,
        (Place("[no Python code]", "", 0), MAIN): 5,
    }


def test_a_server_that_has_nothing_has_no_weights() -> None:
    assert querier.stored_weights({}) == {}
    assert querier.flame_weights({}) == {}


def test_a_flame_graph_is_read_level_by_level() -> None:
    assert querier.flame_weights(FLAMEGRAPH) == {
        ("main",): 20,
        ("walk", "main"): 10,
        ("walk", "walk", "main"): 30,
        ("dump", "main"): 30,
        ("idle",): 10,
    }


def test_lines_of_a_function_are_one_in_a_flame_graph() -> None:
    assert querier.by_name({(WORK, MAIN): 3, (WORK, LOOP): 4, (MAIN,): 5}) == {
        ("Größe.messen", "main"): 7,
        ("main",): 5,
    }


def test_the_same_weights_do_not_differ() -> None:
    expected = querier.expected_weights(
        profile_of(
            ((WORK, MAIN), 30_000_000, {"thread_name": "a"}),
            ((WORK, MAIN), 7, {"thread_name": "b"}),
            ((MAIN,), 10_000_000, {}),
            ((Place("[no Python code]", "", 0), MAIN), 5, {}),
        )
    )
    assert querier.differences(expected, querier.stored_weights(PROFILE)) == []


def test_each_difference_is_told() -> None:
    told = querier.differences({"lost": 5, "same": 1, "less": 4}, {"same": 1, "less": 3, "new": 9})
    assert told == [
        "0 expected, 9 found: new",
        "5 expected, 0 found: lost",
        "4 expected, 3 found: less",
        "in all 10 expected, 13 found",
    ]


def test_another_line_is_a_difference() -> None:
    assert querier.differences({(WORK, MAIN): 1}, {(WORK, LOOP): 1})


def test_only_samples_with_the_labels_are_expected() -> None:
    profile = profile_of(
        ((MAIN,), 1, {"endpoint": "/a", "tenant": "x"}),
        ((MAIN,), 2, {"endpoint": "/a"}),
        ((MAIN,), 4, {"endpoint": "/b"}),
    )
    assert querier.expected_weights(profile, {"endpoint": "/a"}) == {(MAIN,): 3}
    assert querier.expected_weights(profile, {"endpoint": "/a", "tenant": "x"}) == {(MAIN,): 1}
    assert querier.expected_weights(profile) == {(MAIN,): 7}


def test_deep_stacks_are_expected_to_be_cut_at_the_root() -> None:
    deep = (WORK, *[LOOP] * 5, MAIN)
    profile = profile_of((deep, 1, {}), ((WORK, *[LOOP] * 6, MAIN), 2, {}))
    cut = (WORK, LOOP, LOOP, querier.TRUNCATED)
    assert querier.expected_weights(profile, depth=4) == {cut: 3}
    assert querier.expected_weights(profile, depth=7) == {
        deep: 1,
        (*deep[:6], querier.TRUNCATED): 2,
    }


def test_labels_of_spans_and_threads_make_no_series() -> None:
    profile = profile_of(
        ((MAIN,), 1, {"endpoint": "/a", "span_id": "0123456789abcdef", "thread_name": "t"}),
        ((MAIN,), 1, {"endpoint": "/b"}),
    )
    assert querier.expected_label_values(profile) == {"endpoint": {"/a", "/b"}}


def test_a_selector_quotes_values() -> None:
    asked = querier.Querier("http://localhost:4040/", "shop", 1, 2)
    assert asked.selector({"path": 'a"b\\ü'}) == '{service_name="shop", path="a\\"b\\\\ü"}'
    assert asked.address == "http://localhost:4040"


def test_waiting_ends_when_the_answer_is_as_wanted() -> None:
    answers = iter([1, 2, 3])
    assert querier.awaited(lambda: next(answers), 2) == 2
    assert querier.awaited(lambda: 7, 8, deadline_s=0) == 7
