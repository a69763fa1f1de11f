# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Which labels must hold where, and functions whose names say so.

The model knows nothing of contextvars: programs tell it which of its places they
are in. A burner burns CPU in a function that is called by the labels that the
model has there, so every sample of it carries the truth next to what the
profiler has found.
"""

from __future__ import annotations

import functools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, NamedTuple

from pyroscope_native import _core, add_thread_tag, remove_thread_tag, tag_wrapper
from pyroscope_native.model import Profile

Labels = dict[str, str]


class Entry:
    """A scope that was entered at a place."""

    def __init__(self, labels: Labels, home: Place) -> None:
        self.labels, self.home = labels, home
        self.has_ended = False
        """Left elsewhere: it holds for nobody any more."""


class Place:
    """A context, as far as labels go."""

    def __init__(self, entries: tuple[Entry, ...] = ()) -> None:
        self._entries = entries

    def copy(self) -> Place:
        """Of a context: what was entered before holds in both, later changes don't."""
        return Place(self._entries)

    def enter(self, labels: Labels) -> Entry:
        entry = Entry(labels, self)
        self._entries += (entry,)
        return entry

    def leave(self, entry: Entry) -> None:
        """In whichever order. Places that were copied inside the scope stay there."""
        assert entry.home is self
        self._entries = tuple(each for each in self._entries if each is not entry)

    def labels(self) -> Labels:
        found: Labels = {}
        for entry in self._entries:
            if not entry.has_ended:
                found.update(entry.labels)
        return found


class At:
    """Where code is that moves, such as a generator: `place` is None in a place that
    nobody told the model of."""

    def __init__(self, place: Place | None) -> None:
        self.place = place


class _Calm:
    """Many may burn at once; an end that others may notice waits until none does."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._burning = 0
        self._ending: int | None = None
        self._depth = 0

    @contextmanager
    def burning(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: self._ending is None)
            self._burning += 1
        try:
            yield
        finally:
            with self._changed:
                self._burning -= 1
                self._changed.notify_all()

    @contextmanager
    def ending(self) -> Iterator[None]:
        me = threading.get_ident()
        with self._changed:
            if self._ending != me:
                self._changed.wait_for(lambda: self._ending is None)
                self._ending = me
                self._changed.wait_for(lambda: self._burning == 0)
            self._depth += 1
        try:
            yield
        finally:
            with self._changed:
                self._depth -= 1
                if self._depth == 0:
                    self._ending = None
                    self._changed.notify_all()


calm = _Calm()


class Held:
    """A scope in the program and in the model. Can be left where `at` is then."""

    def __init__(self, at: At, labels: Labels, scope: tag_wrapper | None = None) -> None:
        self.at, self.labels = at, labels
        self._scope = scope or tag_wrapper(labels)
        self._entry: Entry

    def __enter__(self) -> None:
        assert self.at.place is not None
        self._scope.__enter__()
        self._entry = self.at.place.enter(self.labels)

    def __exit__(self, *_: object) -> None:
        if self.at.place is self._entry.home:
            self._scope.__exit__(None, None, None)
            self._entry.home.leave(self._entry)
            return
        with calm.ending():
            self._scope.__exit__(None, None, None)
            self._entry.has_ended = True


class _OfThread(threading.local):
    def __init__(self) -> None:
        self.place = Place()
        self.tags: list[tuple[str, str]] = []
        self.is_known = False
        """It has burnt before."""


_of_thread = _OfThread()


def thread_place() -> Place:
    """Of the calling thread, outside of everything that has run in another context."""
    return _of_thread.place


@contextmanager
def tagged(name: str, value: str) -> Iterator[None]:
    """A tag of the thread, in the program and in the model."""
    add_thread_tag(name, value)
    _of_thread.tags = [*_untagged(name, value), (name, value)]
    try:
        yield
    finally:
        remove_thread_tag(name, value)
        _of_thread.tags = _untagged(name, value)


def _untagged(name: str, value: str) -> list[tuple[str, str]]:
    return [tag for tag in _of_thread.tags if tag != (name, value)]


# ---- burners ----

_PREFIX = "burner"


def _name_of(labels: Labels) -> str:
    return _PREFIX + "".join(f"__{name}_{value}" for name, value in sorted(labels.items()))


def _labels_of(name: str) -> Labels | None:
    """None: not the name of a burner."""
    prefix, *pairs = name.split("__")
    if prefix != _PREFIX:
        return None
    return dict(tuple(pair.split("_")) for pair in pairs)


@functools.cache
def _burner(name: str) -> Callable[[int], None]:
    space: dict[str, Any] = {}
    source = f"def {name}(rounds):\n    for i in range(rounds):\n        i * i\n"
    exec(compile(source, f"<{name}>", "exec"), space)
    function: Callable[[int], None] = space[name]
    return function


def _no_one_cares(tid: int) -> None:
    pass


on_new_thread: Callable[[int], None] = _no_one_cares
"""Called where a thread burns for the first time, with its kernel id."""


def burn(at: At, rng: Random) -> None:
    """Burn CPU under the name of the labels that must hold here."""
    assert at.place is not None
    if not _of_thread.is_known:
        _of_thread.is_known = True
        on_new_thread(threading.get_native_id())
    if rng.random() < 0.2:
        _core.wake()  # so that labels end that have been read already
    with calm.burning():
        function = _burner(_name_of({**dict(_of_thread.tags), **at.place.labels()}))
        function(rng.randrange(2000, 12000))


# ---- judging ----


class Judgement(NamedTuple):
    """Weights in nanoseconds."""

    whole: int
    judged: int
    """Of samples in burners."""
    wrong: Counter[tuple[str, str]]
    """Of them, by the true labels and those that were found."""
    truths: int
    """Different sets of labels that burners were in."""


def judge(profile: Profile) -> Judgement:
    """Hold the labels of samples against the names in their stacks."""
    truths = [_labels_of(function.name.rpartition(".")[2]) for function in profile.functions]
    judged, wrong, met = 0, Counter[tuple[str, str]](), set()
    for sample in profile.samples:
        found = dict(sample.labels)
        found.pop("thread_name", None)
        for frame in sample.stack:
            truth = truths[profile.frames[frame].function]
            if truth is not None:
                judged += sample.value
                met.add(_name_of(truth))
                if truth != found:
                    wrong[str(truth), str(found)] += sample.value
                break
    return Judgement(profile.total, judged, wrong, len(met))
