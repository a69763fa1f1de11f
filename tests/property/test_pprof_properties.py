# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyroscope_native import pprof
from pyroscope_native.model import Function, Profile
from tests.support.pprof_reader import check
from tests.support.random_profiles import clean, profiles, weights_of, weights_read


@given(profiles())
def test_an_independent_reader_finds_what_was_encoded(profile: Profile) -> None:
    read = check(pprof.encode(profile))
    assert weights_read(read) == weights_of(profile)
    assert read.sample_types == [profile.sample_type]
    assert read.period_type == profile.period_type
    assert read.period == profile.period
    assert read.time_ns == profile.time_ns
    assert read.duration_ns == profile.duration_ns
    assert read.comments == [clean(comment) for comment in profile.comments]


@given(profiles())
def test_decode_is_the_inverse_of_encode(profile: Profile) -> None:
    decoded = pprof.decode(pprof.encode(profile))
    assert weights_of(decoded) == weights_of(profile)
    assert pprof.decode(pprof.encode(decoded)) == decoded


@given(profiles(), st.integers(1, 8))
def test_limiting_depth_cuts_the_root_side_only(profile: Profile, max_frames: int) -> None:
    limited = pprof.limit_depth(profile, max_frames)
    for before, after in zip(profile.samples, limited.samples):
        assert after._replace(stack=before.stack) == before
        if len(before.stack) <= max_frames:
            assert after.stack == before.stack
            continue
        assert len(after.stack) == max_frames
        assert after.stack[:-1] == before.stack[: max_frames - 1]
        root = limited.functions[limited.frames[after.stack[-1]].function]
        assert root == Function("[truncated]", "", 0)


def decodes_or_refuses(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        pprof.decode(data)


@given(st.binary(max_size=200))
def test_garbage_is_refused_with_a_value_error(data: bytes) -> None:
    decodes_or_refuses(data)
    decodes_or_refuses(b"\x1f\x8b" + data)
    decodes_or_refuses(gzip.compress(data))


@given(st.data(), profiles(), st.booleans())
def test_damage_is_refused_with_a_value_error(
    data: st.DataObject, profile: Profile, compressed: bool
) -> None:
    damaged = bytearray(pprof.encode(profile))
    if compressed:
        damaged = bytearray(gzip.compress(damaged))
    for _ in range(data.draw(st.integers(1, 5))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    decodes_or_refuses(bytes(damaged))


@given(st.data(), profiles())
def test_a_part_of_a_gzip_is_refused(data: st.DataObject, profile: Profile) -> None:
    whole = gzip.compress(pprof.encode(profile))
    with pytest.raises(ValueError, match=r"gzip|no pprof|not a pprof"):
        pprof.decode(whole[: data.draw(st.integers(0, len(whole) - 1))])
