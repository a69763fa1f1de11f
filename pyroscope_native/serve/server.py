# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Answers all who pull, in one thread that no client can hold up."""

from __future__ import annotations

import gzip
import mmap
import time
from collections import deque
from collections.abc import Callable
from functools import partial

from pyroscope_native import _core
from pyroscope_native.address import ServeAddress
from pyroscope_native.config import Config
from pyroscope_native.figures import Stats
from pyroscope_native.log import warn_once
from pyroscope_native.model import Profile
from pyroscope_native.recording import Scrape
from pyroscope_native.serve.answer import PPROF, Answer, text
from pyroscope_native.serve.connection import Connection
from pyroscope_native.serve.listener import Listener, Taken
from pyroscope_native.serve.request import Request
from pyroscope_native.serve.routes import Routes
from pyroscope_native.serve.waker import Waker

CLIENTS = 64
"""At a time; further ones are told so."""
_TOLD = 16
"""Of those, how many at a time; then the kernel keeps them waiting."""
SCRAPES = 16
"""At a time."""

_LOOK_S = 2.0
"""How often to look whether our descriptors are still ours."""
_AGAIN_S = 1.0
"""How long to take no clients when there is no descriptor to be had for one; and when to
try the address again that is taken: who has it may be about to go, as the parent of a
daemon is."""
_NEVER = float("inf")
_LATER_S = 5.0
"""When to try further times."""

_is_told = mmap.mmap(-1, 1)
"""Whether it has been said why nothing is served: shared with forks, that not each says so."""


class Server:
    """Serves the profiles of a session from `start` to `finish`.

    `scrape` has a Scrape begun, `stats` tells the session's figures. The sockets live
    through a fork; the thread does not, as that of the drain.
    """

    def __init__(
        self,
        config: Config,
        address: ServeAddress,
        *,
        scrape: Callable[[Scrape], None],
        stats: Callable[[], Stats],
    ) -> None:
        # As in `deliver.upload`: it has hooks on both sides of a fork.
        import logging  # noqa: F401

        self._config, self._address = config, address
        self._scrape = scrape
        self._routes = Routes(config, stats)
        self._listener: Listener | None = None
        self._waker: Waker | None = None
        self._connections: list[Connection] = []
        self._recorded: deque[tuple[Connection, Profile]] = deque()
        self._accepts_from_s = 0.0
        self._tries = 0
        """How often the address was taken."""
        self._listens_from_s = _NEVER
        """When to try again."""
        self._thread: _core.OwnThread | None = None
        self._leaving = False
        self.url = ""
        """Where profiles are served; empty for nowhere."""
        self.answered = 0
        """Profiles that have been asked for and made."""
        self.loading_ns = 0
        """CPU time that importing has taken."""

    # -- the session's side --

    def start(self) -> None:
        """Listen, if that can be: if not, that is logged."""
        self._listen()
        self.resume()

    def pause(self, timeout_s: float) -> None:
        """End the thread; everything else stays."""
        self._leaving = True
        if self._waker is not None:
            self._waker.wake()
        if self._thread is not None and self._thread.join(timeout_s):
            self._thread = None

    def resume(self) -> None:
        """Begin the thread."""
        self._leaving = False
        if self._waker is None or (self._thread is not None and not self._thread.join(0)):
            return
        try:
            self._thread = _core.OwnThread(self._run)
        except OSError as error:
            self._close()
            warn_once("serve", f"no profiles are served: no thread to be had: {error.strerror}")

    def abandon(self) -> None:
        """In the child of a fork: all this is the parent's."""
        self._thread = None
        if self._waker is None or not self._waker.is_intact():
            self._forget()
            return
        if self._listener is not None:
            self._listener.leave()
            self._listener = None
        self._close()

    def finish(self, timeout_s: float) -> None:
        """Answer those whose profiles are there, within `timeout_s`, and end."""
        until_s = time.monotonic() + timeout_s
        self.pause(timeout_s)
        if self._thread is not None:
            warn_once("serve finish", f"serving profiles did not end within {timeout_s:g} s")
            return
        if self._waker is None or not self._waker.is_intact():
            self._forget()
            return
        recorded = {connection for connection, _ in self._recorded}
        for connection in self._connections:
            if connection.scrape is not None and connection not in recorded:
                connection.send(text(503, "the program is ending"))
            elif not connection.is_owed:
                connection.close()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self._listens_from_s = _NEVER
        while any(each.is_owed for each in self._connections) and time.monotonic() < until_s:
            self._turn(until_s)
        self._close()

    # -- beginnings and ends of sockets --

    def _listen(self) -> None:
        self._listens_from_s = _NEVER
        try:
            self._waker = self._waker or Waker()
            self._listener = Listener(self._address)
            self.url = self._listener.url
        except Taken as error:
            self._tries += 1
            self._listens_from_s = time.monotonic() + (_AGAIN_S if self._tries == 1 else _LATER_S)
            if self._tries > 1:
                self._tell_of_nowhere(error)
        except OSError as error:
            self._close()
            self._tell_of_nowhere(error.strerror or error)

    def _tell_of_nowhere(self, reason: object) -> None:
        if not _is_told[0]:
            _is_told[0] = 1
            warn_once("serve", f"no profiles are served at {self._config.serve_address}: {reason}")

    def _close(self) -> None:
        for connection in self._connections:
            connection.close()
        if self._listener is not None:
            self._listener.close()
        if self._waker is not None:
            self._waker.close()
        self._drop()

    def _forget(self) -> None:
        """The descriptors are not ours any more: let go of them, untouched."""
        for connection in self._connections:
            connection.forget()
        if self._listener is not None:
            self._listener.forget()
        if self._waker is not None:
            self._waker.forget()
        self._drop()

    def _drop(self) -> None:
        self._connections, self._listener, self._waker, self.url = [], None, None, ""
        self._recorded.clear()

    # -- the thread --

    def _run(self) -> None:
        try:
            while not self._leaving and self._waker is not None:
                self._turn(time.monotonic() + _LOOK_S)
        except Exception as error:
            self._close()
            warn_once("serve", f"no profiles are served any more: {error!r}")

    def _turn(self, until_s: float) -> None:
        """Wait for something to do until `until_s`, and do it."""
        waker, listener = self._waker, self._listener
        assert waker is not None
        now_s = time.monotonic()
        if self._recorded:
            until_s = now_s
        until_s = min(until_s, self._listens_from_s)
        by_descriptor = {connection.fileno(): connection for connection in self._connections}
        wanted = [(each.fileno(), each.events) for each in self._connections]
        wanted.append((waker.fileno(), _core.POLL_IN))
        if listener is not None and self._has_room(now_s):
            wanted.append((listener.fileno(), _core.POLL_IN))
        until_s = min([until_s, *(connection.until_s for connection in self._connections)])
        ready = _core.poll(wanted, max(0.0, until_s - now_s))
        if not waker.is_intact():
            self._forget()
            self._listen()
            return
        if self._listens_from_s <= time.monotonic():
            self._listen()
            return
        for descriptor, _ in ready:
            connection = by_descriptor.get(descriptor)
            if connection is not None:
                self._attend(connection)
            elif descriptor == waker.fileno():
                waker.clear()
            elif listener is not None:
                self._accept(listener)
        if self._recorded:
            self._hand_out(*self._recorded.popleft())
        self._part()

    def _attend(self, connection: Connection) -> None:
        try:
            connection.on_ready()
        except Exception as error:
            connection.close()
            warn_once("serve request", f"a request for a profile has failed: {error!r}")

    def _has_room(self, now_s: float) -> bool:
        return len(self._connections) < CLIENTS + _TOLD and now_s >= self._accepts_from_s

    def _accept(self, listener: Listener) -> None:
        try:
            socket = listener.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError:
            self._accepts_from_s = time.monotonic() + _AGAIN_S
            return
        connection = Connection(socket, self._handle)
        self._connections.append(connection)
        if len(self._connections) > CLIENTS:
            connection.send(_busy(f"{CLIENTS} clients are here already"))

    def _part(self) -> None:
        """From clients that are done, and those that have been waited for enough."""
        now_s = time.monotonic()
        for connection in self._connections:
            if connection.until_s <= now_s and not connection.is_closed:
                connection.close()
        self._connections = [each for each in self._connections if not each.is_closed]

    # -- requests --

    def _handle(self, connection: Connection, request: Request) -> None:
        answer = self._routes.answer(request)
        if isinstance(answer, Answer):
            connection.send(answer, head_only=request.method == "HEAD")
        elif sum(each.scrape is not None for each in self._connections) >= SCRAPES:
            connection.send(_busy(f"{SCRAPES} profiles are being taken already"))
        else:
            scrape = Scrape(answer, partial(self._take, connection))
            connection.wait_for(scrape)
            self._scrape(scrape)
            self._load()

    def _take(self, connection: Connection, profile: Profile) -> None:
        """Called by the session."""
        self._recorded.append((connection, profile))
        waker = self._waker
        if waker is not None:
            waker.wake()

    def _load(self) -> None:
        """Import what it takes to make an answer, while that is recorded."""
        began_ns = time.thread_time_ns()
        try:
            from pyroscope_native import pprof  # noqa: F401
        except Exception:
            pass  # who makes the answer finds out, and says
        self.loading_ns += time.thread_time_ns() - began_ns

    def _hand_out(self, connection: Connection, profile: Profile) -> None:
        if connection.is_closed:
            return
        try:
            answer = self._answer_of(profile)
        except Exception as error:
            answer = text(500, "no profile could be made; the program's log says why")
            warn_once(f"serve {error}", f"no profile could be made for who pulls: {error!r}")
        else:
            self.answered += 1
        connection.send(answer)

    def _answer_of(self, profile: Profile) -> Answer:
        from pyroscope_native.pprof import MAX_STACK_FRAMES, encode, limit_depth

        # Who pulls makes the labels of its series, and would not know of tags otherwise.
        profile = limit_depth(profile.labelled(self._config.tags), MAX_STACK_FRAMES)
        body = gzip.compress(encode(profile), mtime=0)
        headers = {"Content-Disposition": 'attachment; filename="profile.pb.gz"'}
        return Answer(200, body, PPROF, headers)


def _busy(words: str) -> Answer:
    return text(503, f"{words}: come again", {"Retry-After": "10"})
