# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Asks a real Pyroscope server what it has stored, and holds it against a local profile.

Weights are by stack, leaf first; a stack is of `Place`s where lines are known, and of names
in a flame graph.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from tests.support.pprof_reader import MAX_STACK_FRAMES, SPAN_LABELS, ReadProfile

CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds"
DEADLINE_S = 60
MAX_NODES = 1 << 20
"""The most that a server gives; by default it folds small nodes into one."""

_T = TypeVar("_T")
_K = TypeVar("_K", bound=Hashable)


class Place(NamedTuple):
    name: str
    filename: str
    line: int


TRUNCATED = Place("[truncated]", "", 0)

Weights = dict[tuple[Place, ...], int]
NameWeights = dict[tuple[str, ...], int]


class QueryError(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(f"{status}, {words}")
        self.status = status


class Querier:
    """Queries of one service on a server, from `begin_ms` to `end_ms` of the epoch."""

    def __init__(
        self, address: str, service: str, begin_ms: int, end_ms: int, *, tenant: str = ""
    ) -> None:
        self.address = address.rstrip("/")
        self.service = service
        self.span = {"start": begin_ms, "end": end_ms}
        self.tenant = tenant

    def ask(self, method: str, **fields: object) -> dict[str, Any]:
        """A call of `querier.v1.QuerierService`. Raises QueryError."""
        # Without the parameter a server hides labels with a period in their names.
        headers = {
            "Content-Type": "application/json",
            "Accept": "*/*; allow-utf8-labelnames=true",
        }
        if self.tenant:
            headers["X-Scope-OrgID"] = self.tenant
        request = urllib.request.Request(
            f"{self.address}/querier.v1.QuerierService/{method}",
            data=json.dumps({**self.span, **fields}).encode(),
            headers=headers,
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                answer: dict[str, Any] = json.load(response)
        except urllib.error.HTTPError as error:
            raise QueryError(error.code, error.read().decode("utf-8", "replace")) from None
        return answer

    def selector(self, labels: Mapping[str, str] | None = None) -> str:
        chosen = {"service_name": self.service, **(labels or {})}
        pairs = (f"{name}={json.dumps(text, ensure_ascii=False)}" for name, text in chosen.items())
        return "{" + ", ".join(pairs) + "}"

    def weights(self, labels: Mapping[str, str] | None = None) -> Weights:
        """With files and lines, of samples with these labels."""
        return stored_weights(
            self.ask("SelectMergeProfile", profileTypeID=CPU, labelSelector=self.selector(labels))
        )

    def name_weights(
        self, labels: Mapping[str, str] | None = None, spans: Iterable[str] = ()
    ) -> NameWeights:
        """As a flame graph shows them; of some spans only, if there are any."""
        answer = self.ask(
            "SelectMergeStacktraces",
            profileTypeID=CPU,
            labelSelector=self.selector(labels),
            maxNodes=str(MAX_NODES),
            format="PROFILE_FORMAT_FLAMEGRAPH",
            spanSelector=list(spans),
        )
        return flame_weights(answer.get("flamegraph", {}))

    def label_names(self) -> set[str]:
        return set(self.ask("LabelNames", matchers=[self.selector()]).get("names", []))

    def label_values(self, name: str) -> set[str]:
        answer = self.ask("LabelValues", name=name, matchers=[self.selector()])
        return set(answer.get("names", []))

    def series(self, names: Iterable[str]) -> set[tuple[tuple[str, str], ...]]:
        """The distinct sets of these labels."""
        answer = self.ask("Series", matchers=[self.selector()], labelNames=list(names))
        return {
            tuple(sorted((pair["name"], pair.get("value", "")) for pair in each.get("labels", [])))
            for each in answer.get("labelsSet", [])
        }


def awaited(ask: Callable[[], _T], wanted: _T, deadline_s: float = DEADLINE_S) -> _T:
    """Ask until the answer is as wanted; the last answer, when it is too late."""
    until_s = time.monotonic() + deadline_s
    while True:
        answer = ask()
        if answer == wanted or time.monotonic() >= until_s:
            return answer
        time.sleep(0.5)


def stored_weights(profile: Mapping[str, Any]) -> Weights:
    """Of a `google.v1.Profile` in protobuf's JSON: defaults are left out, and 64-bit
    numbers are texts."""
    strings = profile.get("stringTable", [])
    functions = {
        each["id"]: (
            strings[int(each.get("name", 0))],
            strings[int(each.get("filename", 0))],
        )
        for each in profile.get("function", [])
    }
    places = {
        each["id"]: [
            Place(*functions[line["functionId"]], int(line.get("line", 0)))
            for line in each.get("line", [])
        ]
        for each in profile.get("location", [])
    }
    weights: Weights = {}
    for sample in profile.get("sample", []):
        stack = tuple(place for at in sample["locationId"] for place in places[at])
        weights[stack] = weights.get(stack, 0) + int(sample["value"][0])
    return weights


def flame_weights(flamegraph: Mapping[str, Any]) -> NameWeights:
    """Self weights of a `querier.v1.FlameGraph`: levels from the root down, bars of four
    numbers each (distance from the bar before, total, self, index of the name)."""
    names = flamegraph.get("names", [])
    weights: NameWeights = {}
    parents: list[tuple[int, int, tuple[str, ...]]] = []
    for depth, level in enumerate(flamegraph.get("levels", [])):
        numbers = [int(value) for value in level.get("values", [])]
        bars = []
        at = 0
        for distance, total, self_weight, name in zip(*[iter(numbers)] * 4):
            begin = at + distance
            at = begin + total
            stack: tuple[str, ...] = ()
            if depth > 0:  # the root is not a function, but all of them
                above = next(stack for left, right, stack in parents if left <= begin < right)
                stack = (names[name], *above)
            if self_weight:
                weights[stack] = weights.get(stack, 0) + self_weight
            bars.append((begin, at, stack))
        parents = bars
    return weights


def expected_weights(
    profile: ReadProfile, labels: Mapping[str, str] | None = None, *, depth: int = MAX_STACK_FRAMES
) -> Weights:
    """What a server that took all of `profile` has of its samples with these labels:
    stacks are cut at the root, so that `depth` frames and a marker among them are left."""
    wanted = set((labels or {}).items())
    weights: Weights = {}
    for sample in profile.samples:
        if not wanted <= set(sample.labels):
            continue
        stack = tuple(Place(frame.name, frame.filename, frame.line) for frame in sample.stack)
        if len(stack) > depth:
            stack = (*stack[: depth - 1], TRUNCATED)
        weights[stack] = weights.get(stack, 0) + sample.values[0]
    return weights


def expected_label_values(profile: ReadProfile) -> dict[str, set[str]]:
    """Values of the labels that make series, by name; `thread_name` is in files only."""
    values: dict[str, set[str]] = {}
    for sample in profile.samples:
        for name, text in sample.labels:
            if name not in SPAN_LABELS and name != "thread_name":
                values.setdefault(name, set()).add(text)
    return values


def by_name(weights: Weights) -> NameWeights:
    """The same, as a flame graph has it."""
    named: NameWeights = {}
    for stack, weight in weights.items():
        names = tuple(place.name for place in stack)
        named[names] = named.get(names, 0) + weight
    return named


def differences(expected: Mapping[_K, int], found: Mapping[_K, int]) -> list[str]:
    """What differs, in words, the heaviest first; nothing where the two are equal."""
    off = {
        key: (expected.get(key, 0), found.get(key, 0))
        for key in {*expected, *found}
        if expected.get(key, 0) != found.get(key, 0)
    }
    ranked = sorted(off.items(), key=lambda item: -abs(item[1][0] - item[1][1]))
    words = [f"{want} expected, {have} found: {key}"[:300] for key, (want, have) in ranked[:10]]
    if off:
        words.append(f"in all {sum(expected.values())} expected, {sum(found.values())} found")
    return words
