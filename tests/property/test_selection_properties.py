# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What selecting and grouping by labels does to weights."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pyroscope_native.errors import ConfigError
from pyroscope_native.model import Frame, Function, Profile, Sample
from pyroscope_native.report.comparison import compared
from pyroscope_native.report.functions import function_sums
from pyroscope_native.selection import (
    Choice,
    check_choice,
    check_name,
    grouped,
    label_names,
    parse_choice,
    select,
    value_of,
)

NAMES = ("a", "b", "c")

names = st.sampled_from(NAMES)
# Not a dictionary: foreign profiles may give a label twice.
pairs = st.tuples(names, st.sampled_from(("x", "y", "z")))
label_sets = st.frozensets(pairs, max_size=4).map(lambda found: tuple(sorted(found)))


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    count = draw(st.integers(1, 4))
    stacks = st.lists(st.integers(0, count - 1), min_size=1, max_size=5).map(tuple)
    samples = st.builds(Sample, stacks, st.integers(1, 2**40), label_sets)
    return Profile(
        functions=[Function(f"f{index}", "/f.py", index) for index in range(count)],
        frames=[Frame(index, 0) for index in range(count)],
        samples=draw(st.lists(samples, max_size=12)),
    )


def choices_of(profile: Profile, name: str) -> list[Choice]:
    return [Choice(name, group.value) for group in grouped(profile, name)]


@given(profiles(), names)
def test_the_values_of_a_label_divide_a_profile(profile: Profile, name: str) -> None:
    choices = choices_of(profile, name)
    parts = [select(profile, [choice]) for choice in choices]
    assert sum(part.total for part in parts) == profile.total
    together = Counter(sample for part in parts for sample in part.samples)
    assert together == Counter(profile.samples)
    assert select(profile, choices) == profile
    assert select(profile, []) == profile


@given(profiles(), names)
def test_groups_are_what_is_selected(profile: Profile, name: str) -> None:
    groups = grouped(profile, name)
    assert sum(group.total for group in groups) == profile.total
    assert [group.total for group in groups] == sorted((g.total for g in groups), reverse=True)
    for group in groups:
        assert group.profile == select(profile, [Choice(name, group.value)])
        assert {value_of(sample.labels, name) for sample in group.profile.samples} == {group.value}


@given(profiles(), st.lists(st.builds(Choice, names, st.sampled_from(("", "x", "y"))), max_size=5))
def test_any_value_of_one_label_and_all_labels(profile: Profile, choices: list[Choice]) -> None:
    def chosen(sample: Sample) -> bool:
        labels: dict[str, str] = {}
        for name, value in sample.labels:
            labels.setdefault(name, value)
        return all(
            labels.get(name, "") in {choice.value for choice in choices if choice.name == name}
            for name in {choice.name for choice in choices}
        )

    assert select(profile, choices).samples == list(filter(chosen, profile.samples))


@given(profiles(), profiles())
def test_shares_of_a_side_are_of_its_own_total(one: Profile, other: Profile) -> None:
    rows = compared(one, other)
    for side, profile in enumerate((one, other)):
        shares = sum(row.self_shares[side] for row in rows)
        assert shares == pytest.approx(100 if profile.samples else 0)
        of = {sums.function: sums for sums in function_sums(profile)}
        for row in rows:
            sums = of.get(row.function)
            expected = 100 * sums.total_value / profile.total if sums else 0
            assert row.total_shares[side] == pytest.approx(expected)
            assert row.self_shares[side] <= row.total_shares[side] <= 100
    assert {row.function for row in rows} == {
        sums.function for profile in (one, other) for sums in function_sums(profile)
    }


@given(profiles(), names, st.sampled_from(("", "x", "y", "z")))
def test_what_chooses_nothing_is_refused(profile: Profile, name: str, value: str) -> None:
    found = select(profile, [Choice(name, value)]).samples
    assume(not found)
    with pytest.raises(ConfigError) as caught:
        check_choice(profile, Choice(name, value))
    known = {value_of(sample.labels, name) for sample in profile.samples} - {""}
    if not known:
        assert all(repr(other) in str(caught.value) for other in label_names(profile))
        with pytest.raises(ConfigError):
            check_name(profile, name)
    elif value:
        assert any(repr(other) in str(caught.value) for other in known)


@given(st.text(), st.text())
def test_choices_are_read_as_they_are_written(name: str, value: str) -> None:
    assume(name and "=" not in name)
    assert parse_choice(f"{name}={value}") == Choice(name, value)
    for text in ("", name, f"={value}"):
        with pytest.raises(ConfigError):
            parse_choice(text)
