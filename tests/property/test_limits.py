# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What is larger than a server takes becomes several, and nothing is lost by that."""

from __future__ import annotations

from collections import Counter
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from pyroscope_native.deliver import limits
from pyroscope_native.model import Frame, Function, Labels, Profile, Sample
from tests.support import pprof_reader
from tests.support.random_profiles import Weights, profiles, weights_of, weights_read


@given(profiles(), st.integers(600, 1200), st.integers(1, 5))
def test_parts_are_within_limits_and_are_the_whole(
    profile: Profile, max_bytes: int, max_samples: int
) -> None:
    with patch.multiple(limits, MAX_PPROF_BYTES=max_bytes, MAX_SAMPLES=max_samples):
        parts = limits.pprofs(profile)
    weights: Weights = Counter()
    for part in parts:
        assert len(part) < max_bytes
        read = pprof_reader.check(part)
        assert len(read.samples) <= max_samples
        assert (read.time_ns, read.duration_ns) == (profile.time_ns, profile.duration_ns)
        assert (read.period, read.period_type) == (profile.period, profile.period_type)
        weights += weights_read(read)
    assert weights == weights_of(profile)


def by_labels(samples: list[Sample]) -> dict[Labels, int]:
    weights: dict[Labels, int] = {}
    for sample in samples:
        weights[sample.labels] = weights.get(sample.labels, 0) + sample.value
    return weights


def test_a_profile_of_many_samples() -> None:
    functions = [Function(f"function_{n}", f"/srv/{n % 50}.py", n) for n in range(3000)]
    samples = [
        Sample(
            tuple((n * 7 + depth) % 3000 for depth in range(n % 60 + 1)), n, (("n", str(n % 9)),)
        )
        for n in range(1, 40_000)
    ]
    frames = [Frame(n, n) for n in range(3000)]
    parts = limits.pprofs(Profile(functions, frames, samples, time_ns=1, duration_ns=1))
    read = [sample for part in parts for sample in pprof_reader.check(part).samples]
    assert 3 <= len(parts) <= 8
    assert by_labels([Sample((), each.values[0], each.labels) for each in read]) == by_labels(
        samples
    )


def test_what_is_too_large_by_itself_is_cut() -> None:
    """And no text is longer than the server takes, nor a stack deeper."""
    functions = [Function("é" * 40_000 + str(n), f"{'/' * 70_000}{n}.py", 1) for n in range(100)]
    long_stack = tuple(range(100)) * 20
    labels = (("thread_name", "ü" * 2000),)
    profile = Profile(functions, [Frame(n, 1) for n in range(100)], [Sample(long_stack, 5, labels)])
    (part,) = limits.pprofs(profile)
    (sample,) = pprof_reader.check(part).samples
    assert sample.values == (5,)
    assert sample.labels == (("thread_name", "ü" * 1024),)
    assert sample.stack[0].name == ("é" * 40_000 + "0")[-32_768:]
    assert sample.stack[-1].name == "[truncated]"


def test_surrogates_are_counted_as_what_they_become() -> None:
    assert limits.short_label("\udcff" * 1000) == "\ufffd" * 682
