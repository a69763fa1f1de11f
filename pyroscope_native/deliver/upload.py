# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Takes finished windows to the server, one at a time, beside the program."""

from __future__ import annotations

import math
import time
from collections import deque
from typing import TYPE_CHECKING

from pyroscope_native import _core
from pyroscope_native.config import Config
from pyroscope_native.deliver.backoff import random_share
from pyroscope_native.figures import Deliveries
from pyroscope_native.log import warn_once
from pyroscope_native.model import Profile

if TYPE_CHECKING:
    from pyroscope_native.deliver.outbox import Outbox

_sleep = time.sleep
"""As it is before the program may put something in its place."""

_SUBMITTED_LIMIT = 16
"""Windows that may come in the course of one upload; the oldest goes first."""

_NO_THREAD_S = 10.0
"""When to try again where no thread could be had."""


class Uploader:
    """Pushes profiles in a thread that lives as long as there is something to do: not
    while it is too early for another try, so that a fork meets no thread.

    Without locks: `submit` and `resume` come from one thread, `finish` after its end, and
    what they share with the uploading thread is a deque, a token and flags.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._submitted: deque[Profile] = deque()
        self._submissions = self._crowded_out = self._left_over = 0
        self._outboxes: list[Outbox] = []
        """One, made by the thread; a second where the first one is stuck at the end."""
        self._thread: _core.OwnThread | None = None
        self._idle = [True]
        """A token that the uploading thread holds: taking from a list is atomic."""
        self._wanted = False
        """Another try is wanted at once."""
        self._loading = False
        """The thread imports what uploading takes."""
        self.loading_ns = 0
        """CPU time that this has taken."""
        self.due_s = math.inf
        """When to call `resume`, by the monotonic clock."""
        if config.spool_directory:  # others may have left something in it
            self.due_s = time.monotonic() + random_share() * config.upload_interval_s
        self.untaken: list[Profile] = []
        """What the server has not taken, where there is a file for it; after `finish`."""

    # -- the session's side --

    def submit(self, profile: Profile) -> None:
        """Have `profile` pushed soon."""
        self._submissions += 1
        if len(self._submitted) == _SUBMITTED_LIMIT:
            try:
                self._submitted.popleft()
                self._crowded_out += 1
                warn_once("submitted", "the server takes too long: a window was not pushed")
            except IndexError:
                pass  # they have gone meanwhile
        self._submitted.append(profile)
        self._begin()

    def resume(self, *, at_once: bool) -> None:
        """Try again what waits, if it is time, or `at_once`."""
        if at_once and any(not math.isinf(outbox.due_s) for outbox in self._outboxes):
            self._wanted = True
        if self._wanted or time.monotonic() >= self.due_s:
            self._begin()

    def figures(self) -> Deliveries:
        """What has become of windows; any thread may ask."""
        figures = Deliveries(
            closed=self._submissions,
            waiting=len(self._submitted),
            crowded_out=self._crowded_out,
            left_over=self._left_over,
        )
        for outbox in self._outboxes:
            figures += outbox.figures()
        return figures

    def wait_until_loaded(self, timeout_s: float) -> None:
        """Wait until no import is under way, `submit` not being called meanwhile.

        A fork that meets one leaves the child with a lock that nobody holds.
        """
        until_s = time.monotonic() + timeout_s
        while self._loading and time.monotonic() < until_s:
            _sleep(0.0005)

    def wait_until_idle(self, until_s: float) -> bool:
        """Wait until all that has been submitted is pushed, or waits for another try; False
        if it is not by `until_s` of the monotonic clock. Any thread may."""
        # In this order: what is submitted no longer is in the hands of who has the token.
        while self._submitted or self._wanted or not self._idle:
            if time.monotonic() >= until_s:
                return False
            _sleep(0.001)
        return True

    def abandon(self) -> None:
        """In the child of a fork: all of it is the parent's."""
        for outbox in self._outboxes:
            outbox.abandon()

    def finish(self, timeout_s: float) -> None:
        """Push what is left, within `timeout_s`; what can't be is left to the spool, or to
        who looks at `untaken`.

        In the caller's thread: when the interpreter ends, no thread can be
        started any more.
        """
        until_s = time.monotonic() + timeout_s
        if self._thread is None and not self._submitted:
            return
        if self._thread is not None and not self._thread.join(timeout_s):
            warn_once("finish", f"the last upload did not end within {timeout_s:g} s")
            stuck = self._outboxes[:]
            if not stuck:
                self._give_up()
                return
            outbox = self._new_outbox()
            stuck[0].hand_over(outbox)
            self.untaken += stuck[0].untaken
            until_s = 0.0  # keep, but don't try
        else:
            try:
                outbox = self._outbox()
            except Exception as error:
                self._give_up()
                warn_once("pusher", f"nothing can be pushed: {error}")
                return
        outbox.work(at_once=True, until_s=until_s)
        # A server that is busy may not be soon.
        while outbox.is_answered and max(outbox.due_s, time.monotonic()) < until_s:
            _sleep(max(0.0, outbox.due_s - time.monotonic()))
            outbox.work(until_s=until_s)
        outbox.close()
        self.untaken += outbox.untaken
        self.untaken.sort(key=lambda profile: profile.time_ns)

    # -- the thread --

    def _begin(self) -> None:
        if not self._take_token():
            return  # who has it looks again when it has given it back
        self._loading = True
        try:
            self._thread = _core.OwnThread(self._run)
        except OSError as error:
            self._loading = False
            self.due_s = time.monotonic() + _NO_THREAD_S
            self._idle.append(True)
            warn_once("thread", f"no thread to upload in: {error.strerror}")

    def _take_token(self) -> bool:
        """Nothing is due while somebody works."""
        try:
            self._idle.pop()
        except IndexError:
            return False
        self.due_s = math.inf
        return True

    def _run(self) -> None:
        try:
            self._outbox()
        except Exception as error:
            self._give_up()
            warn_once("pusher", f"nothing can be pushed: {error}")
        finally:
            self.loading_ns += time.thread_time_ns()
            self._loading = False
        holds_token = True
        while holds_token:
            due_s = math.inf
            try:
                due_s = self._work()
            except Exception as error:
                warn_once("upload", f"uploading has failed: {error!r}")
                return
            finally:
                self.due_s = due_s
                self._idle.append(True)
            # What came meanwhile may have found nobody idle.
            holds_token = bool(self._submitted or self._wanted) and self._take_token()
        _core.wake()  # who waits does not know of due_s

    def _work(self) -> float:
        """Returns when to work again."""
        wanted, self._wanted = self._wanted, False
        if not self._outboxes:
            self._give_up()
            return math.inf
        outbox = self._outboxes[0]
        outbox.work(at_once=wanted)
        return outbox.due_s

    def _outbox(self) -> Outbox:
        return self._outboxes[0] if self._outboxes else self._new_outbox()

    def _new_outbox(self) -> Outbox:
        # Here and not above: protobuf, http and ssl take memory and time, and only
        # who pushes needs them.
        from pyroscope_native.deliver.outbox import Outbox

        outbox = Outbox(self._config, self._submitted)
        self._outboxes.append(outbox)
        return outbox

    def _give_up(self) -> None:
        """Nothing can be pushed, nor be encoded to wait."""
        while self._submitted:
            profile = self._submitted.popleft()
            self._left_over += 1
            if self._config.spare_output:
                self.untaken.append(profile)
