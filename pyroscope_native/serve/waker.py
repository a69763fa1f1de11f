# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Wakes a thread that waits for descriptors, and tells whether they are still ours."""

from __future__ import annotations

import _socket
import fcntl
import os

_fstat = os.fstat
"""As it is before the program may put something in its place."""

NO_SIGNAL = getattr(_socket, "MSG_NOSIGNAL", 0)
"""For sending: the program may have SIGPIPE kill."""

_HIGH = 512
"""Where programs that close all descriptors, and open some again, come last."""


def moved_up(socket: _socket.socket) -> _socket.socket:
    """The same one under a high number, if there is room, not blocking; `socket` is
    used up."""
    socket.setblocking(False)
    try:
        high = fcntl.fcntl(socket.fileno(), fcntl.F_DUPFD_CLOEXEC, _HIGH)
    except OSError:
        return socket
    moved = _socket.socket(socket.family, socket.type, socket.proto, high)
    socket.close()
    moved.setblocking(False)
    return moved


class Waker:
    """A pair of sockets. Any thread may `wake`."""

    def __init__(self) -> None:
        """Raises OSError."""
        self._ours, self._others = map(moved_up, _socket.socketpair())
        self._identity = self._look()

    def _look(self) -> tuple[int, ...]:
        identity: list[int] = []
        for socket in (self._ours, self._others):
            status = _fstat(socket.fileno())
            identity += (status.st_dev, status.st_ino)
        return tuple(identity)

    def is_intact(self) -> bool:
        """False if the program has closed our descriptors, as daemons do: their
        numbers may be others' by now."""
        try:
            return self._look() == self._identity
        except OSError:
            return False

    def fileno(self) -> int:
        return self._ours.fileno()

    def wake(self) -> None:
        try:
            if self.is_intact():
                self._others.send(b"\0", NO_SIGNAL)
        except OSError:
            pass  # full: it will wake anyway

    def clear(self) -> None:
        try:
            self._ours.recv(4096)
        except OSError:
            pass

    def close(self) -> None:
        self._ours.close()
        self._others.close()

    def forget(self) -> None:
        """The descriptors are not ours any more."""
        self._ours.detach()
        self._others.detach()
