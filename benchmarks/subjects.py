# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What runs in a round, and in which order: profilers, and what they are compared with."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmarks.environments import Environment
from benchmarks.profilers import NONE, Profiler


class Subject(NamedTuple):
    """One program of a round."""

    name: str
    profiler: Profiler
    within: Environment


def base_of(within: Environment) -> str:
    """The name of the runs without a profiler that those in this environment pair with."""
    return f"base of {within.version}"


def subjects(profilers: Sequence[Profiler], within: Mapping[str, Environment]) -> list[Subject]:
    """All that runs in a round: the profilers, and for each of their interpreters a base."""
    found: dict[str, Subject] = {}
    for profiler in profilers:
        where = within[profiler.name]
        found.setdefault(base_of(where), Subject(base_of(where), NONE, where))
        found[profiler.name] = Subject(profiler.name, profiler, where)
    return list(found.values())


def in_order(round_subjects: Sequence[Subject], seed: str) -> list[Subject]:
    """Shuffled, the same way each time for the same seed."""
    order = list(round_subjects)
    random.Random(seed).shuffle(order)
    return order
