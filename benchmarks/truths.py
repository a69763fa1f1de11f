# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What a profile claims, against what has been used."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from benchmarks.profilers import Sample

LABEL = "request"
"""Of workloads that label what they do."""


class Claims(NamedTuple):
    """What the samples say of the functions whose truth is known, in nanoseconds."""

    functions: dict[str, float]
    """Claimed for each, its callees' included."""
    wrong: float
    """Claimed within one, with the label of another."""
    missing: float
    """Claimed within one, without a label."""

    @property
    def total(self) -> float:
        """All of it."""
        return sum(self.functions.values())


def claims(samples: Iterable[Sample], names: Iterable[str], label: str = LABEL) -> Claims:
    """A sample is the innermost's of the functions with these names; the label, where there
    is one, has the function's name for its value."""
    functions = dict.fromkeys(names, 0.0)
    wrong = missing = 0.0
    for functions_of, cpu_ns, labels in samples:
        name = next((name for name in reversed(functions_of) if name in functions), None)
        if name is None:
            continue
        functions[name] += cpu_ns
        if label not in labels:
            missing += cpu_ns
        elif labels[label] != name:
            wrong += cpu_ns
    return Claims(functions, wrong, missing)


def error_points(claimed: Mapping[str, float], truth: Mapping[str, float]) -> float:
    """The largest difference of a function's share of the whole, in percentage points; 100
    where nothing is claimed."""
    claimed_total, true_total = sum(claimed.values()), sum(truth.values())
    if not claimed_total:
        return 100.0
    return max(
        100 * abs(claimed[name] / claimed_total - used / true_total) for name, used in truth.items()
    )


def standard_error_points(truth: Mapping[str, float], period_ns: float) -> float:
    """By how much a share is off by chance, at most, where samples are a period apart: the
    binomial distribution's, in percentage points."""
    total = sum(truth.values())
    shares = [used / total for used in truth.values()]
    return max(100 * math.sqrt(share * (1 - share) * period_ns / total) for share in shares)
