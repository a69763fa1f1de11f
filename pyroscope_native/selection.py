# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Samples of a profile, chosen and grouped by their labels.

A sample without a label counts as having the empty value of it, which no label
can have; of a label that a foreign profile gives twice the first value counts.
So each label divides a profile: every sample belongs to one value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pyroscope_native.errors import ConfigError
from pyroscope_native.model import Labels, Profile, Sample

_NAMED = 8  # of names and values in a message


class Choice(NamedTuple):
    """A value of a label."""

    name: str
    value: str
    """Empty: the samples without the label."""

    def __str__(self) -> str:
        return f"{self.name}={self.value}" if self.value else f"without {self.name}"


class Group(NamedTuple):
    """The samples with one value of a label."""

    value: str
    """Empty: the samples without the label."""
    profile: Profile

    @property
    def total(self) -> int:
        """Weight of its samples."""
        return self.profile.total


def parse_choice(text: str) -> Choice:
    """KEY=VALUE, or KEY= for samples without. Raises ConfigError."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ConfigError(f"a label is chosen by KEY=VALUE, or KEY= for samples without: {text!r}")
    return Choice(name, value)


def value_of(labels: Labels, name: str) -> str:
    """The value of the label `name`; empty without it."""
    return next((value for key, value in labels if key == name), "")


def label_names(profile: Profile) -> list[str]:
    """The names of all labels in `profile`, sorted."""
    return sorted({name for labels in _label_sets(profile) for name, _ in labels})


def select(profile: Profile, choices: Iterable[Choice]) -> Profile:
    """The samples that have one of the chosen values of each label chosen by."""
    values: dict[str, set[str]] = {}
    for name, value in choices:
        values.setdefault(name, set()).add(value)
    kept = {
        labels
        for labels in _label_sets(profile)
        if all(value_of(labels, name) in wanted for name, wanted in values.items())
    }
    return profile._replace(samples=[s for s in profile.samples if s.labels in kept])


def grouped(profile: Profile, name: str) -> list[Group]:
    """The groups that the values of the label `name` make, heaviest first.

    Those without it are a group as any other, if there are any.
    """
    samples: dict[str, list[Sample]] = {}
    for sample in profile.samples:
        samples.setdefault(value_of(sample.labels, name), []).append(sample)
    groups = [Group(value, profile._replace(samples=them)) for value, them in samples.items()]
    return sorted(groups, key=lambda group: (-group.total, group.value))


def check_name(profile: Profile, name: str) -> None:
    """Raises ConfigError, with the labels that there are, if no sample has `name`."""
    names = label_names(profile)
    if name not in names:
        raise ConfigError(f"no sample has the label {name!r}; {there_are(names)}")


def check_choice(profile: Profile, choice: Choice) -> None:
    """Raises ConfigError, with what could be meant, if no sample is chosen by it."""
    from difflib import get_close_matches  # here: who makes no mistake need not wait for it

    check_name(profile, choice.name)
    values = [group.value for group in grouped(profile, choice.name)]
    if choice.value in values:
        return
    if not choice.value:
        raise ConfigError(f"every sample has the label {choice.name!r}")
    near = get_close_matches(choice.value, values, n=_NAMED)
    meant = "the nearest" if near else "the heaviest"
    listed = _listed(near or [value for value in values if value])
    raise ConfigError(f"no sample has {choice.name}={choice.value!r}; {meant}: {listed}")


def there_are(names: Sequence[str]) -> str:
    """Which labels there are, in words."""
    return f"there are {_listed(names)}" if names else "there are no labels"


def _label_sets(profile: Profile) -> set[Labels]:
    return {sample.labels for sample in profile.samples}


def _listed(texts: Sequence[str]) -> str:
    more = [f"and {len(texts) - _NAMED:,} more"] if len(texts) > _NAMED else []
    return ", ".join([*map(repr, texts[:_NAMED]), *more])
