# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A finished profile: what every output is made from.

Plain values only. Whoever holds a `Profile` needs neither the core nor the
interpreter that it was taken in; `fold` makes one from a window, `pprof`
reads one from a file, `report` and `deliver` turn one into something else.
"""

# No postponed annotations here: see config.py.

from collections.abc import Sequence
from typing import NamedTuple

Labels = tuple[tuple[str, str], ...]
"""Sample labels as sorted (name, value) pairs."""


class Function(NamedTuple):
    """A function as its author knows it."""

    name: str
    """Qualified name, or a marker in brackets such as `[truncated]`."""
    filename: str
    """Absolute where the interpreter knows it so; empty for markers."""
    start_line: int
    """Line of the definition, 1-based; 0 where unknown."""


class Frame(NamedTuple):
    """A place in a function."""

    function: int
    """Index into `Profile.functions`."""
    line: int
    """Line of the instruction, 1-based; 0 where unknown."""


class Sample(NamedTuple):
    """One distinct stack and label set with its summed weight."""

    stack: tuple[int, ...]
    """Indices into `Profile.frames`, leaf first; never empty."""
    value: int
    """Weight, in the unit of the profile's sample type."""
    labels: Labels


class Profile(NamedTuple):
    """Weights by stack for one span of time."""

    functions: list[Function]
    frames: list[Frame]
    samples: list[Sample]
    sample_type: tuple[str, str] = ("cpu", "nanoseconds")
    """What a value counts and its unit."""
    period_type: tuple[str, str] = ("cpu", "nanoseconds")
    period: int = 0
    """Distance of samples, in the unit of `period_type`."""
    time_ns: int = 0
    """Wall clock at the start, nanoseconds since the Unix epoch."""
    duration_ns: int = 0
    comments: Sequence[str] = ()

    @classmethod
    def joined(cls, profiles: "Sequence[Profile]") -> "Profile":
        """One profile of the span that `profiles`, in order of time, cover.

        What stands in several of them stands in it several times.
        """
        functions: list[Function] = []
        frames: list[Frame] = []
        samples: list[Sample] = []
        for profile in profiles:
            before, frames_before = len(functions), len(frames)
            functions += profile.functions
            frames += [frame._replace(function=frame.function + before) for frame in profile.frames]
            for sample in profile.samples:
                stack = tuple([frame + frames_before for frame in sample.stack])
                samples.append(sample._replace(stack=stack))
        first, last = profiles[0], profiles[-1]
        return first._replace(
            functions=functions,
            frames=frames,
            samples=samples,
            duration_ns=last.time_ns + last.duration_ns - first.time_ns,
        )

    @property
    def total(self) -> int:
        """The sum of all samples' values."""
        return sum(sample.value for sample in self.samples)
