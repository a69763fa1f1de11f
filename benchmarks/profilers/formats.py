# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Readers of what profilers write."""

from __future__ import annotations

import pstats
from collections.abc import Iterator
from pathlib import Path

from benchmarks.profilers.recording import Recording, Sample
from pyroscope_native.model import Profile

_SAMPLED = ("cpu", "cpu-time", "cpu_time")
"""Names of the sample type that is CPU time."""


def simple(name: str) -> str:
    """A function's name without its module and class."""
    return name.rpartition(".")[2]


def of_profile(profile: Profile) -> list[Sample]:
    """Of a pprof of CPU time, whose values are nanoseconds, or samples of a period."""
    kind, unit = profile.sample_type
    if kind not in (*_SAMPLED, "samples"):
        raise ValueError(f"a profile of {kind}, not of CPU time")
    scale = 1 if unit == "nanoseconds" else profile.period
    names = [simple(profile.functions[frame.function].name) for frame in profile.frames]
    return [
        Sample(
            tuple(names[frame] for frame in reversed(sample.stack)),
            sample.value * scale,
            dict(sample.labels),
        )
        for sample in profile.samples
    ]


def of_pushes(recording: Recording) -> list[Sample]:
    """Of all that was pushed to the sink by Pyroscope's PusherService."""
    from pyroscope_native.deliver.request import profile_in

    found: list[Sample] = []
    for path in sorted(Path(recording.directory).glob("*-Push")):
        found += of_profile(profile_in(path.read_bytes()))
    return found


def collapsed_lines(text: str) -> Iterator[tuple[list[str], int]]:
    """Stacks, root first, and counts, of `a;b;c 12` lines; others are passed over."""
    for line in text.split("\n"):
        stack, _, count = line.rpartition(" ")
        if stack and count.isdecimal():
            yield stack.split(";"), int(count)


def of_pstats(path: str) -> list[Sample]:
    """Functions, each with what it and its callees have used; no stacks."""
    stats: dict[tuple[str, int, str], tuple[int, int, float, float, object]]
    stats = pstats.Stats(path).stats  # type: ignore[attr-defined]
    return [
        Sample((name,), cumulative_s * 1e9)
        for (_, _, name), (_, _, _, cumulative_s, _) in stats.items()
    ]
