# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A finished profile: what every output is made from.

Plain values only. Whoever holds a `Profile` needs neither the core nor the
interpreter that it was taken in; `fold` makes one from a window, `pprof`
reads one from a file, `report` and `deliver` turn one into something else.
"""

# No postponed annotations here: see config.py.

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Optional, TypeVar

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
    def merged(cls, profiles: "Iterable[Profile]") -> "Profile":
        """The sum of `profiles`, of which there is at least one: see `Merger`.

        Raises ValueError.
        """
        merger = Merger()
        for profile in profiles:
            merger.add(profile)
        return merger.profile()

    def labelled(self, labels: "Mapping[str, str]") -> "Profile":
        """The same with `labels`, where a sample has none of that name."""
        if not labels:
            return self
        known: dict[Labels, Labels] = {}
        for own in {sample.labels for sample in self.samples}:
            names = {name for name, _ in own}
            others = [label for label in labels.items() if label[0] not in names]
            known[own] = tuple(sorted((*own, *others)))
        samples = [sample._replace(labels=known[sample.labels]) for sample in self.samples]
        return self._replace(samples=samples)

    @property
    def total(self) -> int:
        """The sum of all samples' values."""
        return sum(sample.value for sample in self.samples)


class Merger:
    """Adds profiles up, one at a time: what is equal is there once.

    Of each stack and label set the values are summed. The span goes from the earliest
    beginning to the latest end, of those that say when they began; where none does,
    it is as long as the longest. The period is the longest, as with `go tool pprof`.
    """

    def __init__(self) -> None:
        self._functions: dict[Function, int] = {}
        self._frames: dict[Frame, int] = {}
        self._values: dict[tuple[tuple[int, ...], Labels], int] = {}
        self._comments: dict[str, None] = {}
        self._about: Optional[Profile] = None
        """What is known besides samples."""

    def add(self, profile: Profile) -> None:
        """Raises ValueError, before anything is added, where `profile` counts
        something else than those before."""
        self._about = self._with(profile)
        functions = [_number(function, self._functions) for function in profile.functions]
        frames = [
            _number(Frame(functions[frame.function], frame.line), self._frames)
            for frame in profile.frames
        ]
        for stack, value, labels in profile.samples:
            key = (tuple([frames[frame] for frame in stack]), labels)
            self._values[key] = self._values.get(key, 0) + value
        self._comments.update(dict.fromkeys(profile.comments))

    def profile(self) -> Profile:
        """The sum so far. Raises ValueError without any."""
        if self._about is None:
            raise ValueError("there is no profile to merge")
        return self._about._replace(
            functions=list(self._functions),
            frames=list(self._frames),
            samples=[
                Sample(stack, value, labels) for (stack, labels), value in self._values.items()
            ],
            comments=list(self._comments),
        )

    def _with(self, profile: Profile) -> Profile:
        about = self._about
        if about is None:
            return profile._replace(functions=[], frames=[], samples=[])
        if profile.sample_type != about.sample_type:
            raise ValueError(
                f"{_type_text(profile.sample_type)} can't be added to "
                f"{_type_text(about.sample_type)}"
            )
        period, period_type = max((p.period, p.period_type) for p in (about, profile))
        time_ns, duration_ns = _span(about, profile)
        return about._replace(
            period=period, period_type=period_type, time_ns=time_ns, duration_ns=duration_ns
        )


_T = TypeVar("_T")


def _number(value: _T, numbers: dict[_T, int]) -> int:
    return numbers.setdefault(value, len(numbers))


def _type_text(sample_type: tuple[str, str]) -> str:
    return " in ".join(filter(None, sample_type)) or "values of no type"


def _span(*profiles: Profile) -> tuple[int, int]:
    """The beginning and the length of the time that `profiles` cover."""
    dated = [profile for profile in profiles if profile.time_ns]
    if not dated:
        return 0, max(profile.duration_ns for profile in profiles)
    began_ns = min(profile.time_ns for profile in dated)
    return began_ns, max(profile.time_ns + profile.duration_ns for profile in dated) - began_ns
