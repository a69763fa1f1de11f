# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What an attached program sends is what `attach` takes."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyroscope_native.figures import Deliveries, Stats
from pyroscope_native.handover import Begun, Decoder, Ended, Message, Refused, encode
from pyroscope_native.model import Frame, Function, Profile, Sample

texts = st.text(st.sampled_from('a\n"\\\u00e9\u2028\udc80'), max_size=5)
numbers = st.integers(0, 2**63)
STATS = Stats(*range(len(Stats._fields)))._replace(  # type: ignore[arg-type]
    deliveries=Deliveries(*range(len(Deliveries._fields)))
)


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    functions = draw(st.lists(st.builds(Function, texts, texts, numbers), min_size=1, max_size=4))
    frame = st.builds(Frame, st.integers(0, len(functions) - 1), numbers)
    frames = draw(st.lists(frame, min_size=1, max_size=4))
    stack = st.lists(st.integers(0, len(frames) - 1), min_size=1, max_size=4).map(tuple)
    labels = st.lists(st.tuples(texts, texts), max_size=2).map(tuple)
    samples = draw(st.lists(st.builds(Sample, stack, numbers, labels), max_size=5))
    return Profile(
        functions=functions,
        frames=frames,
        samples=samples,
        period=draw(numbers),
        time_ns=draw(numbers),
        duration_ns=draw(numbers),
        comments=draw(st.lists(texts, max_size=2)),
    )


messages = st.one_of(
    st.builds(Refused, texts),
    st.builds(Begun, texts),
    st.builds(Ended, st.just(STATS), texts),
    profiles(),
)


@given(st.lists(messages, max_size=4), st.integers(20, 500))
def test_what_is_sent_comes_in_whatever_pieces(sent: list[Message], size: int) -> None:
    data = b"".join(line for message in sent for line in encode(message))
    decoder = Decoder()
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    assert [message for piece in pieces for message in decoder.feed(piece)] == sent


def test_more_samples_than_a_line_holds() -> None:
    samples = [Sample((0,), weight, ()) for weight in range(1234)]
    profile = Profile([Function("f", "", 0)], [Frame(0, 0)], samples, comments=[])
    lines = list(encode(profile))
    assert len(lines) == 5
    assert list(Decoder().feed(b"".join(lines))) == [profile]


def line(*value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"


HEAD = [[["f", "/f.py", 1]], [[0, 1]], [], ["cpu", "ns"], ["cpu", "ns"], 1, 1, 1, []]


def head(**changes: object) -> bytes:
    fields = dict(zip(Profile._fields, HEAD))
    return line("head", list({**fields, **changes}.values()))


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\n",
        b"\xff\n",
        b"[" * 100_000 + b"\n",
        line("what", []),
        line("begun", []),
        line("ended", [[1], ""]),
        line("samples", [[[0], 1, []]]),
        line("tail", None),
        line("head", [1]),
        head(functions=[["f", "/f.py", "x"]]),
        head(frames=[[1, 1]]) + line("tail", None),
        head(frames=[[-1, 1]]) + line("tail", None),
        head() + line("samples", [[[1], 1, []]]) + line("tail", None),
        head() + line("samples", [[[-1], 1, []]]) + line("tail", None),
        head() + line("samples", [[[0.5], 1, []]]) + line("tail", None),
        head() + line("samples", [[[], 1, []]]) + line("tail", None),
        head() + line("samples", [[[0], 1, [["name"]]]]) + line("tail", None),
        head() + line("samples", [[["0"], 1, []]]) + line("tail", None),
    ],
)
def test_what_it_could_not_have_sent_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  its words quote what came
        list(Decoder().feed(data))


def test_the_least_profile_is_taken() -> None:
    data = head() + line("samples", [[[0], 1, []]]) + line("tail", None)
    (profile,) = Decoder().feed(data)
    assert profile.samples == [Sample((0,), 1, ())]


@given(st.binary(max_size=100), st.lists(messages, min_size=1, max_size=1), st.data())
def test_damage_is_no_other_error(noise: bytes, sent: list[Message], data: st.DataObject) -> None:
    whole = b"".join(encode(sent[0]))
    at = data.draw(st.integers(0, len(whole)))
    with contextlib.suppress(ValueError):
        list(Decoder().feed(whole[:at] + noise + whole[at:] + b"\n"))
