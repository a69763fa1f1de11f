# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What samples are labelled with, within the limits of a server."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from pyroscope_native import _core
from pyroscope_native.config import SAMPLE_ONLY, SERIES_LABELS
from pyroscope_native.model import Labels

OTHER = "[other]"
"""Stands for values of a label that has too many."""


def _thread_names() -> dict[int, str]:
    """Names of the threads that Python knows, by kernel id.

    Not by `threading.enumerate()`, which takes a lock that may be held, or be
    another library's. Where green threads share one of the kernel's, the first
    comer, who owns it, gives the name.
    """
    names: dict[int, str] = {}
    for thread in list(threading._active.values()):  # type: ignore[attr-defined]
        if thread.native_id is not None:
            names.setdefault(thread.native_id, thread.name)
    return names


def _command_name(tid: int) -> str:
    """What the kernel calls a thread that Python does not know."""
    try:
        with open(f"/proc/self/task/{tid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return "unknown"


class SampleLabels:
    """The labels of a profile's samples: those of scopes, inner ones first, then
    those of the thread, then what is known of it. An empty value hides outer ones.

    thread_name, thread_id, pid: whether samples have these.
    room: the most that a sample may have, `SAMPLE_ONLY` apart; outer ones are left
        out first.
    value_limit: distinct values of a label; further ones become `OTHER`.
    """

    def __init__(
        self,
        *,
        thread_name: bool = False,
        thread_id: bool = False,
        pid: bool = False,
        room: int = SERIES_LABELS,
        value_limit: int,
    ) -> None:
        self._thread_name, self._thread_id = thread_name, thread_id
        self._pid = (("pid", str(os.getpid())),) if pid else ()
        self._room, self._value_limit = room, value_limit
        self._values: dict[str, set[str]] = {}
        self.dropped = 0
        """Labels that found no room, once by thread and label set."""
        self.other_values = 0
        """Values that became `OTHER`, counted likewise."""

    def of_window(self, window: _core.Window) -> Callable[[int, int], Labels]:
        """Return what finds the labels for numbers of a thread and a label set."""
        threads = self._threads(window)
        sets = [list(zip(flat[::2], flat[1::2])) for flat in window.label_sets()]
        known: dict[tuple[int, int], Labels] = {}
        told_apart = self._thread_name or self._thread_id

        def find(thread: int, label_set: int) -> Labels:
            key = (thread if told_apart else 0), label_set
            labels = known.get(key)
            if labels is None:
                labels = known[key] = self._limited(sets[label_set] + threads[thread])
            return labels

        return find

    def _threads(self, window: _core.Window) -> list[list[tuple[str, str]]]:
        names = _thread_names() if self._thread_name else {}
        result = []
        for tid, name in window.threads():
            labels = []
            if self._thread_name:
                labels.append(("thread_name", names.get(tid) or name or _command_name(tid)))
            if self._thread_id:
                labels.append(("thread_id", str(tid)))
            result.append(labels + list(self._pid))
        return result

    def _limited(self, labels: list[tuple[str, str]]) -> Labels:
        limited: dict[str, str] = {}
        room = self._room
        for name, value in labels:
            if name in limited:
                continue
            if name in SAMPLE_ONLY or not value:
                limited[name] = value
            elif room == 0:
                self.dropped += 1
            else:
                room -= 1
                limited[name] = self._bounded(name, value)
        return tuple(sorted(label for label in limited.items() if label[1]))

    def _bounded(self, name: str, value: str) -> str:
        values = self._values.setdefault(name, set())
        if value in values:
            return value
        if len(values) == self._value_limit:
            self.other_values += 1
            return OTHER
        values.add(value)
        return value
