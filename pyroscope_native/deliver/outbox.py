# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Everything that is on its way to the server: what waits, and when to try again."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Union

from pyroscope_native.config import Config
from pyroscope_native.deliver import request
from pyroscope_native.deliver.backoff import Backoff, random_share
from pyroscope_native.deliver.push import Pusher, PushError
from pyroscope_native.deliver.queue import Queue, Waiting
from pyroscope_native.deliver.spool import Spool
from pyroscope_native.figures import Deliveries
from pyroscope_native.log import warn_once
from pyroscope_native.model import Profile
from pyroscope_native.version import VERSION

MAX_AGE_NS = 55 * 60 * 10**9
"""Of a window's beginning. The server refuses what is older than an hour, by its own
clock, and by the time that it has read it."""

STRIKES = 20
"""So often may a request fail where others are taken: some minutes long."""

_UNTAKEN_LIMIT = 20
"""Windows that the server does not want, and that are kept for a file; the oldest goes
first."""

_Store = Union[Queue, Spool]
_Item = tuple[Waiting, _Store]


class _Outcome(Enum):
    """Of one try."""

    TAKEN = "the server has it"
    FAILED = "it may be taken later"
    GONE = "it is given up, or is not there"


class _Fault(Backoff):
    """Of a request that fails where others are taken."""

    strikes = 0
    """Failures before each of which another was taken."""
    pushed = 0
    """How many were taken before the last."""


class Outbox:
    """Takes finished windows from `submitted` and sees to it that the server gets them.

    For one thread at a time. Whatever the server may be like, a window is in memory or on
    disk until the server has taken it, or has refused it for good, or would for its age, or
    until there is no more room.

    **What fails for want of a server waits**, and is tried again after a while (`Backoff`):
    the oldest first, and no other before that is taken.

    **What fails by itself must not hold up the rest.** A proxy, or Alloy, may answer with
    500 what will never be taken. So when a request has failed, the newest is tried next: if
    that is taken, it was the request's own fault, which waits by itself from then on, and
    is given up at last. If the newest fails, too, it is the server.
    """

    def __init__(
        self,
        config: Config,
        submitted: deque[Profile],
        *,
        now_s: Callable[[], float] = time.monotonic,
        now_ns: Callable[[], int] = time.time_ns,
        share: Callable[[], float] = random_share,
    ) -> None:
        """Raises ValueError for what no request could be made of."""
        self._submitted = submitted
        self._now_s, self._now_ns = now_s, now_ns
        self._timeout_s = config.upload_timeout_s
        self._labels = request.series_labels(config.application_name, config.tags, VERSION)
        self._pusher = Pusher.configured(config)
        self._queue = Queue(config.queue_bytes)
        self._spool = _opened_spool(config, self._pusher.destination)
        self._share = share
        self._server = Backoff(share)
        self._faulty: dict[Waiting, _Fault] = {}
        """What has failed by itself."""
        self.is_answered = False
        """Whether the last try had an answer: the server is there."""
        self._keeps_untaken = bool(config.spare_output)
        self.untaken: list[Profile] = []
        """What the server has not taken and nobody keeps, where there is a file for it."""
        self._split = self._pushed = self._refused = self._outdated = self._left_over = 0

    @property
    def due_s(self) -> float:
        """When to work again, by the monotonic clock; infinity if nothing waits."""
        count = len(self._queue) + (len(self._spool) if self._spool is not None else 0)
        if count == 0:
            return math.inf
        due_s = self._server.not_before_s
        if count <= len(self._faulty):
            due_s = max(due_s, min(each.not_before_s for each in self._faulty.values()))
        return due_s

    def figures(self) -> Deliveries:
        """What has become of windows; any thread may ask."""
        spool = self._spool
        return Deliveries(
            closed=self._split,
            found=spool.found if spool is not None else 0,
            pushed=self._pushed,
            waiting=len(self._queue),
            spooled=len(spool) if spool is not None else 0,
            refused=self._refused,
            outdated=self._outdated,
            crowded_out=self._queue.crowded_out + (spool.crowded_out if spool is not None else 0),
            damaged=spool.damaged if spool is not None else 0,
            left_over=self._left_over,
        )

    def work(self, *, at_once: bool = False, until_s: float = math.inf) -> None:
        """Take in what was submitted, and push what waits, unless it is too early for
        another try and none is wanted `at_once`. Ends when all is pushed, when the server
        fails, or soon after `until_s`."""
        self._take_in()
        if not at_once and self._now_s() < self._server.not_before_s:
            return
        try:
            self._push_waiting(at_once, until_s)
        finally:
            self._pusher.close()

    def _take_in(self) -> list[_Item]:
        """Encode what was submitted, and store it: with a spool before the first try, so
        that the process may be killed in the middle of one."""
        items: list[_Item] = []
        while self._submitted:
            profile = self._submitted.popleft()
            try:
                bodies = request.bodies(self._labels, profile)
            except Exception as error:
                self._refused += 1
                warn_once("encode", f"a window can't be encoded: {error!r}")
                continue
            self._split += len(bodies) - 1
            items += [self._stored(profile.time_ns, body) for body in bodies]
        return items

    def _stored(self, time_ns: int, body: bytes) -> _Item:
        if self._spool is not None:
            try:
                return self._spool.put(time_ns, body), self._spool
            except OSError as error:
                words = f"a window can't wait on disk, but in memory: {error.strerror}"
                warn_once("spool-put", words)
        return self._queue.put(time_ns, body), self._queue

    def _waiting(self, at_once: bool) -> deque[_Item]:
        """All that is to be tried: what is faulty, then the rest, the oldest first."""
        stores: list[_Store] = [self._queue]
        if self._spool is not None:
            stores.append(self._spool)
        items = {waiting: store for store in stores for waiting in store.waiting()}
        self._faulty = {each: self._faulty[each] for each in self._faulty if each in items}
        if not at_once:
            for waiting, fault in self._faulty.items():
                if self._now_s() < fault.not_before_s:
                    del items[waiting]
        return deque(sorted(items.items(), key=lambda item: (item[0] not in self._faulty, item[0])))

    def _push_waiting(self, at_once: bool, until_s: float) -> None:
        items = self._waiting(at_once)
        suspect: _Item | None = None
        while items and self._now_s() < until_s:
            item = items.pop() if suspect is not None else items.popleft()
            outcome = self._try(*item, until_s)
            if outcome is _Outcome.TAKEN:
                self._server.reset()
                if suspect is not None:
                    self._blame(suspect[0])
                    suspect = None
            elif outcome is _Outcome.FAILED:
                is_second, suspect = suspect is not None, item
                if is_second:
                    break
            items.extend(self._take_in())
        if suspect is not None and suspect[0] not in self._faulty:
            self._server.fail(self._now_s())

    def _try(self, waiting: Waiting, store: _Store, until_s: float) -> _Outcome:
        if self._now_ns() - waiting.time_ns > MAX_AGE_NS:
            words = "windows are dropped: they have waited until no server would take them"
            warn_once("outdated", words)
            self._outdated += 1
            self._give_up(waiting, store)
            return _Outcome.GONE
        body = store.read(waiting)
        if body is None:
            return _Outcome.GONE
        try:
            self._pusher.send(body, timeout_s=min(self._timeout_s, until_s - self._now_s()))
        except PushError as error:
            self.is_answered = error.status is not None
            if error.retryable:
                words = f"a window waits, since it was not taken: {error}"
                warn_once(f"push {error.status}", words)
                return self._failed(waiting, store)
            warn_once(f"push {error}", f"a window was not taken: {error}")
            self._refused += 1
            self._give_up(waiting, store)
            return _Outcome.GONE
        self.is_answered = True
        self._pushed += 1
        self._forget(waiting, store)
        return _Outcome.TAKEN

    def _blame(self, waiting: Waiting) -> None:
        if waiting not in self._faulty:
            self._faulty[waiting] = _Fault(self._share)
            self._faulty[waiting].fail(self._now_s())

    def _failed(self, waiting: Waiting, store: _Store) -> _Outcome:
        fault = self._faulty.get(waiting)
        if fault is None:
            return _Outcome.FAILED
        fault.fail(self._now_s())
        if fault.pushed < self._pushed:
            fault.pushed = self._pushed
            fault.strikes += 1
        if fault.strikes < STRIKES:
            return _Outcome.FAILED
        warn_once("faulty", "a window was given up: it fails where others are taken")
        self._refused += 1
        self._give_up(waiting, store)
        return _Outcome.GONE

    def _give_up(self, waiting: Waiting, store: _Store) -> None:
        if self._keeps_untaken:
            self._keep(store.read(waiting))
            del self.untaken[:-_UNTAKEN_LIMIT]
        self._forget(waiting, store)

    def _forget(self, waiting: Waiting, store: _Store) -> None:
        store.remove(waiting)
        self._faulty.pop(waiting, None)

    def _keep(self, body: bytes | None) -> None:
        if body is not None:
            self.untaken.append(request.profile_in(body))

    # -- the end --

    def close(self) -> None:
        """Leave what waits to the spool, or to who looks at `untaken`."""
        for waiting in self._queue.waiting():
            body = self._queue.read(waiting) or b""
            self._queue.remove(waiting)
            if self._spool is not None:
                try:
                    self._spool.put(waiting.time_ns, body)
                    continue
                except OSError:
                    pass
            self._left_over += 1
            if self._keeps_untaken:
                self._keep(body)
        if self._spool is not None:
            self._spool.close()

    def hand_over(self, other: Outbox) -> None:
        """Have `other` see to what waits in memory: who works here does not come back."""
        for waiting in self._queue.waiting():
            body = self._queue.read(waiting)
            self._queue.remove(waiting)
            if body is not None:
                other._stored(waiting.time_ns, body)

    def abandon(self) -> None:
        """In the child of a fork: all of it is the parent's."""
        if self._spool is not None:
            self._spool.abandon()


def _opened_spool(config: Config, destination: str) -> Spool | None:
    if not config.spool_directory:
        return None
    try:
        return Spool(config.spool_directory, config.spool_bytes, destination)
    except OSError as error:
        warn_once(
            "spool",
            f"windows can't wait in {config.spool_directory}, but in memory: {error.strerror}",
        )
        return None
