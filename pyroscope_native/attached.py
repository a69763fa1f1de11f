# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Profiles the program that `attach` has come to: the program's side of `attach`.

`begin` is called in the program's main thread, between two instructions of it. The rest
is done in the drain's thread, which also finds out when nobody listens any more: so the
program gets no further thread, and ends the session by itself whatever becomes of who
asked for it. When it is over, nothing of ours is in effect.
"""

from __future__ import annotations

import _socket
import _thread
import time
from collections import deque
from typing import Any

from pyroscope_native import _core, handover, process
from pyroscope_native.api import program_name
from pyroscope_native.config import Config
from pyroscope_native.figures import Deliveries
from pyroscope_native.handover import Begun, Ended, Message, Refused
from pyroscope_native.model import Profile
from pyroscope_native.session import Session, StartError

_NO_SIGNAL: int = getattr(_socket, "MSG_NOSIGNAL", 0)
"""SIGPIPE may be at its default action, death."""

_UNSENT_LIMIT_BYTES = 64_000_000
"""What may wait for a reader that is too slow."""

_LAST_LIMIT_S = 5.0
"""How long the end may wait for it."""


def begin(connection: _socket.socket, settings: dict[str, Any], duration_s: float) -> None:
    """Start a session and hand what it sees over to `connection`, which is ours now.

    It ends after `duration_s` seconds, 0 for never, and when the other side has gone.
    """
    handing = Handing(connection, duration_s)
    try:
        reason = _profile(handing, settings)
    except KeyboardInterrupt:
        _thread.interrupt_main()  # it was meant for the program
        reason = "the program was interrupted"
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
    if reason:
        handing.close(Refused(reason))


def _profile(handing: Handing, settings: dict[str, Any]) -> str:
    """Why nothing is profiled; empty if it is."""
    if process.current() is not None:
        return "it is being profiled already"
    name = settings["application_name"] or program_name()
    session = _AttachedSession(Config(**{**settings, "application_name": name}), handing)

    def finish() -> None:
        session.stop()
        process.unhook()
        handing.close(Ended(session.stats(), session.clock_reason))

    try:
        _core.undisturbed(process.begin, session, finish)
    except StartError as error:
        return str(error)
    process.end_before_os_exit()
    handing.add(Begun(name))
    return ""


class _AttachedSession(Session):
    """A session whose windows are handed over."""

    def __init__(self, config: Config, handing: Handing) -> None:
        super().__init__(config)
        self.uploader = handing  # type: ignore[assignment]
        self.is_wanted = handing.is_wanted
        self._handing = handing

    def abandon(self) -> None:
        super().abandon()
        self._unwatch_new_threads()
        process.unhook()
        self._handing.abandon()


class Handing:
    """What is on its way to `attach`. Takes windows, in an uploader's place.

    Nothing waits for the reader before the end: what the socket does not take at once
    is sent in one of the drain's next turns.
    """

    loading_ns = 0
    due_s = float("inf")

    def __init__(self, connection: _socket.socket, duration_s: float) -> None:
        self._connection = connection
        self._until_s = time.monotonic() + duration_s if duration_s else float("inf")
        self._unsent: deque[bytes] = deque()
        self._is_open = True

    def add(self, message: Message) -> None:
        """Have it sent soon."""
        self._unsent.extend(handover.encode(message))

    def submit(self, profile: Profile) -> None:
        """The same, with a window. In the drain's thread."""
        self.add(profile)
        if sum(map(len, self._unsent)) > _UNSENT_LIMIT_BYTES:
            self._is_open = False

    def is_wanted(self) -> bool:
        """Send what can be sent; whether the session is to go on. In the drain's
        thread."""
        try:
            self._connection.settimeout(0)
            self._send()
            self._is_open &= bool(self._connection.recv(1))
        except BlockingIOError:
            pass  # there is nothing to be read, or no room to write
        except OSError:
            self._is_open = False
        return self._is_open and time.monotonic() < self._until_s

    def _send(self) -> None:
        while self._unsent:
            line = self._unsent[0]
            sent = self._connection.send(line, _NO_SIGNAL)
            if sent < len(line):
                self._unsent[0] = line[sent:]
            else:
                self._unsent.popleft()

    def close(self, message: Message) -> None:
        """Send what is left, and that as the last word, for as long as may be waited."""
        self.add(message)
        try:
            self._connection.settimeout(_LAST_LIMIT_S)
            self._send()
        except OSError:
            pass  # nobody listens
        self._connection.close()

    def abandon(self) -> None:
        """In the child of a fork: the connection is the parent's."""
        self._unsent.clear()
        self._connection.close()

    # -- what else a session wants of an uploader --

    def resume(self, *, at_once: bool) -> None:
        """There are no other tries."""

    def figures(self) -> Deliveries:
        """`attach` knows what becomes of windows."""
        return Deliveries()

    def wait_until_loaded(self, timeout_s: float) -> None:
        """There is nothing to load."""

    def wait_until_idle(self, until_s: float) -> bool:
        """Wait until all has been sent; False if it is not by `until_s` of the monotonic
        clock."""
        while self._unsent:
            if time.monotonic() >= until_s:
                return False
            time.sleep(0.001)
        return True

    def finish(self, timeout_s: float) -> None:
        """`close` will do that."""
