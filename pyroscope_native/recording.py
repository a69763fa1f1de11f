# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Spans of time of which somebody wants the profile.

Any number of them may be open at a time; what the core has counted is added to each.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from pyroscope_native import _core
from pyroscope_native.fold import LOST_SAMPLES, UNSEEN_THREADS, Fold
from pyroscope_native.model import Profile


class Moment(NamedTuple):
    """A point in time, on both clocks."""

    time_ns: int
    """Since the Unix epoch."""
    monotonic_s: float

    @classmethod
    def now(cls) -> Moment:
        return cls(time.time_ns(), time.monotonic())


class Cut(NamedTuple):
    """What has come together since the cut before."""

    at: Moment
    window: _core.Window
    lost_ns: int
    """Weight without a stack."""
    unseen_ns: int
    """CPU time of threads that no tick has seen."""


class Recording:
    """Everything that was sampled from `began` to the last cut that was added."""

    def __init__(self, fold: Fold, began: Moment, period_ns: int) -> None:
        self.fold = fold
        self._began, self._ended_s = began, began.monotonic_s
        self._period_ns = period_ns

    def add(self, cut: Cut) -> None:
        self._ended_s = cut.at.monotonic_s
        self.fold.add_window(cut.window)
        self.fold.add_marker(LOST_SAMPLES, cut.lost_ns)
        self.fold.add_marker(UNSEEN_THREADS, cut.unseen_ns)

    def profile(self) -> Profile:
        return self.fold.profile(
            period_ns=self._period_ns,
            time_ns=self._began.time_ns,
            duration_ns=int((self._ended_s - self._began.monotonic_s) * 1e9),
        )


class Scrape:
    """A recording of so many seconds, for somebody who waits for it."""

    def __init__(self, seconds: float, take: Callable[[Profile], None]) -> None:
        """`take` is called once, in the drain's thread or in the one that ends the
        session, unless the scrape is given up; it may not raise."""
        self.given_up = False
        """Nobody waits any more: any thread may say so."""
        self._seconds, self._take = seconds, take

    def begin(self, recording: Recording, now: Moment) -> None:
        self.recording = recording
        self.until_s = now.monotonic_s + self._seconds
        """Of the monotonic clock."""

    def end(self) -> None:
        """Hand over what there is."""
        if not self.given_up:
            self._take(self.recording.profile())
