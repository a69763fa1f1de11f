# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A sum of profiles says what they say together, however they are added up."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyroscope_native.model import Frame, Function, Labels, Profile, Sample

Stack = tuple[tuple[Function, int], ...]

# Few of each, so that profiles have something in common.
functions = st.builds(Function, st.sampled_from("fgh"), st.sampled_from(["", "/a.py"]), st.just(1))
label_sets = st.dictionaries(st.sampled_from("kl"), st.sampled_from("vw"), max_size=2).map(
    lambda labels: tuple(sorted(labels.items()))
)
numbers = st.integers(0, 20)


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    """Like those that folds and files give: of one type, perhaps with equal frames."""
    named = draw(st.lists(functions, min_size=1, max_size=4))
    frame = st.builds(Frame, st.integers(0, len(named) - 1), st.integers(0, 2))
    frames = draw(st.lists(frame, min_size=1, max_size=6))
    stack = st.lists(st.integers(0, len(frames) - 1), min_size=1, max_size=3).map(tuple)
    return Profile(
        functions=named,
        frames=frames,
        samples=draw(st.lists(st.builds(Sample, stack, st.integers(1, 9), label_sets))),
        period_type=draw(st.sampled_from([("cpu", "nanoseconds"), ("", "")])),
        period=draw(numbers),
        time_ns=draw(numbers),
        duration_ns=draw(numbers),
        comments=draw(st.lists(st.sampled_from("abc"), max_size=3)),
    )


several = st.lists(profiles(), min_size=1, max_size=4)


def weights(*of: Profile) -> Counter[tuple[Stack, Labels]]:
    found: Counter[tuple[Stack, Labels]] = Counter()
    for profile in of:
        for sample in profile.samples:
            frames = [profile.frames[index] for index in sample.stack]
            stack = tuple((profile.functions[frame.function], frame.line) for frame in frames)
            found[stack, sample.labels] += sample.value
    return found


def about(profile: Profile) -> tuple[object, ...]:
    """What is said besides samples."""
    rest = profile._replace(functions=[], frames=[], samples=[], comments=sorted(profile.comments))
    return tuple(rest)


@given(several)
def test_each_stack_with_its_labels_has_the_weight_of_all(parts: list[Profile]) -> None:
    merged = Profile.merged(parts)
    assert weights(merged) == weights(*parts)
    assert merged.total == sum(part.total for part in parts)


@given(several)
def test_what_is_equal_is_there_once(parts: list[Profile]) -> None:
    merged = Profile.merged(parts)
    assert len(merged.samples) == len(weights(merged))
    assert len(set(merged.functions)) == len(merged.functions)
    assert len(set(merged.frames)) == len(merged.frames)
    assert len(set(merged.comments)) == len(merged.comments)


@given(profiles())
def test_one_alone_stays_as_it_is(profile: Profile) -> None:
    merged = Profile.merged([profile])
    assert weights(merged) == weights(profile)
    assert about(merged) == about(profile._replace(comments=list(dict.fromkeys(profile.comments))))
    assert Profile.merged([merged]) == merged


@given(several, st.randoms(use_true_random=False))
def test_order_does_not_matter(parts: list[Profile], random: Random) -> None:
    shuffled = parts.copy()
    random.shuffle(shuffled)
    one, other = Profile.merged(parts), Profile.merged(shuffled)
    assert weights(one) == weights(other)
    assert about(one) == about(other)


@given(several, several)
def test_sums_can_be_added_up(parts: list[Profile], more: list[Profile]) -> None:
    at_once = Profile.merged([*parts, *more])
    in_steps = Profile.merged([Profile.merged(parts), Profile.merged(more)])
    assert weights(at_once) == weights(in_steps)
    assert about(at_once) == about(in_steps)


@given(several)
def test_the_span_holds_all_that_say_when_they_were(parts: list[Profile]) -> None:
    merged = Profile.merged(parts)
    dated = [part for part in parts if part.time_ns]
    if not dated:
        assert merged.time_ns == 0
        assert merged.duration_ns == max(part.duration_ns for part in parts)
        return
    assert merged.time_ns in {part.time_ns for part in dated}
    ends = {part.time_ns + part.duration_ns for part in dated}
    assert merged.time_ns + merged.duration_ns == max(ends)
    assert merged.time_ns <= min(part.time_ns for part in dated)


@given(profiles(), profiles())
def test_different_things_are_not_added_up(one: Profile, other: Profile) -> None:
    bytes_of_memory = other._replace(sample_type=("inuse_space", "bytes"))
    with pytest.raises(ValueError, match="inuse_space in bytes can't be added to cpu in nanosec"):
        Profile.merged([one, bytes_of_memory])


def test_a_sum_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no profile"):
        Profile.merged([])
