# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Profiles as hypothesis makes them up, and what a pprof of them must say."""

from __future__ import annotations

from collections import Counter

from hypothesis import strategies as st

from pyroscope_native.model import Frame, Function, Labels, Profile, Sample
from tests.support.pprof_reader import ReadFrame, ReadProfile

Weights = Counter[tuple[tuple[ReadFrame, ...], Labels]]

# Few letters, so that equal names and stacks are met; lone surrogates among them.
texts = st.text(st.sampled_from("ab;\n\u00e9\U0001f40d\udc80\udcff\x00"), max_size=4)
words = st.text(st.sampled_from("abcd_"), min_size=1, max_size=4)
numbers = st.integers(0, 2**40)
functions = st.builds(Function, texts, st.one_of(texts, words.map("/{}.py".format)), numbers)
label_sets = st.dictionaries(words, texts, max_size=3).map(lambda d: tuple(sorted(d.items())))


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    named = draw(st.lists(functions, min_size=1, max_size=6))
    frame = st.builds(Frame, st.integers(0, len(named) - 1), st.integers(0, 3))
    frames = draw(st.lists(frame, min_size=1, max_size=10))
    stack = st.lists(st.integers(0, len(frames) - 1), min_size=1, max_size=8).map(tuple)
    sample = st.builds(Sample, stack, st.integers(-2, 2**40), label_sets)
    return Profile(
        functions=named,
        frames=frames,
        samples=draw(st.lists(sample, max_size=12)),
        sample_type=draw(st.tuples(words, words)),
        period_type=draw(st.tuples(words, words)),
        period=draw(numbers),
        time_ns=draw(numbers),
        duration_ns=draw(numbers),
        comments=draw(st.lists(texts, max_size=3)),
    )


def clean(text: str) -> str:
    return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)


def weights_of(profile: Profile) -> Weights:
    """What a profile says, as far as a pprof of it can and should."""
    weights: Weights = Counter()
    for sample in profile.samples:
        if sample.value <= 0:
            continue
        stack = []
        for index in sample.stack:
            function, line = profile.frames[index]
            name, filename, start_line = profile.functions[function]
            stack.append(ReadFrame(clean(name), clean(filename), start_line, line))
        labels = tuple((clean(name), clean(value)) for name, value in sample.labels if value)
        weights[tuple(stack), labels] += sample.value
    return weights


def weights_read(profile: ReadProfile) -> Weights:
    return Counter({(sample.stack, sample.labels): sample.values[0] for sample in profile.samples})
