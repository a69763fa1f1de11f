# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The functions of a profile and their sums."""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import NamedTuple

from pyroscope_native.model import Function, Profile

_IMPORT_ROOT = re.compile(r".*/(?:(?:site|dist)-packages|lib(?:64)?/python3\.\d+t?)/")
"""What a path to a module begins with and nobody needs to read."""


class FunctionSums(NamedTuple):
    """Weights of a function, whatever its lines."""

    function: Function
    self_value: int
    """Of samples with it at the leaf."""
    total_value: int
    """Of samples with it anywhere, counted once however often it recurs."""


def function_sums(profile: Profile) -> list[FunctionSums]:
    """Sums of each function that was seen, heaviest by itself first."""
    functions = [profile.functions[frame.function] for frame in profile.frames]
    self_values: Counter[Function] = Counter()
    total_values: Counter[Function] = Counter()
    for sample in profile.samples:
        self_values[functions[sample.stack[0]]] += sample.value
        for function in {functions[index] for index in sample.stack}:
            total_values[function] += sample.value
    sums = [
        FunctionSums(function, self_values[function], total)
        for function, total in total_values.items()
    ]
    return sorted(sums, key=lambda s: (-s.self_value, -s.total_value, s.function))


def location(function: Function) -> str:
    """Where a function is defined, as short as can be understood."""
    path = _IMPORT_ROOT.sub("", function.filename, count=1)
    try:
        here = os.path.join(os.getcwd(), "")
    except FileNotFoundError:  # the directory was removed under us
        here = ""
    if here and path.startswith(here):
        path = path[len(here) :]
    return f"{path}:{function.start_line}" if function.start_line else path
