# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Listens at an address: the first free port of a range, or a Unix socket."""

from __future__ import annotations

import _socket
import errno
import fcntl
import os
import stat
import time

from pyroscope_native.address import ServeAddress
from pyroscope_native.serve.waker import moved_up

_sleep = time.sleep
"""As it is before the program may put something in its place."""

_BACKLOG = 64
_LOCK_TRIES = 100
_LOCK_PAUSE_S = 0.01


class Taken(Exception):
    """Another process listens there; says what to do."""


class Listener:
    """Listens from the beginning to `close`, `forget` or `leave`.

    The sockets are the interpreter's own: libraries put others in place of
    `socket.socket`, which belong to an event loop of theirs.
    """

    def __init__(self, address: ServeAddress) -> None:
        """Raises OSError and Taken."""
        self._path, self._inode = address.path.replace("{pid}", str(os.getpid())), 0
        self._socket = moved_up(self._at_path() if self._path else _at_port(address))
        self.url = f"unix:{self._path}" if self._path else _url(self._socket.getsockname())
        """Where it is: http://HOST:PORT, or unix:PATH."""

    def _at_path(self) -> _socket.socket:
        directory = os.open(os.path.dirname(os.path.abspath(self._path)), os.O_RDONLY)
        try:
            # One at a time: another's socket that has just come is not to go as a dead one.
            _lock(directory, self._path)
            if os.path.lexists(self._path):
                if not stat.S_ISSOCK(os.lstat(self._path).st_mode):
                    raise FileExistsError(errno.EEXIST, "it is there already, and no socket")
                if _is_alive(self._path):
                    raise Taken(
                        f"{self._path} is another process's. Put {{pid}} into the path: it "
                        "stands for the process's id"
                    )
                os.unlink(self._path)
            listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
            try:
                listener.bind(self._path)
                os.chmod(self._path, 0o600)  # nobody can connect before it listens
                listener.listen(_BACKLOG)
            except BaseException:
                listener.close()
                raise
            self._inode = os.lstat(self._path).st_ino
            return listener
        finally:
            os.close(directory)

    def fileno(self) -> int:
        return self._socket.fileno()

    def accept(self) -> _socket.socket:
        """Raises OSError."""
        descriptor, _ = self._socket._accept()  # type: ignore[attr-defined]
        client = _socket.socket(
            self._socket.family, self._socket.type, self._socket.proto, descriptor
        )
        client.setblocking(False)
        return client

    def close(self) -> None:
        """End listening, for all processes."""
        self.leave()
        try:
            if self._path and os.lstat(self._path).st_ino == self._inode:
                os.unlink(self._path)
        except OSError:
            pass  # it has been taken away

    def leave(self) -> None:
        """In the child of a fork: leave it to the parent."""
        self._socket.close()

    def forget(self) -> None:
        """The descriptor is not ours any more."""
        self._socket.detach()


def _lock(directory: int, path: str) -> None:
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            _sleep(_LOCK_PAUSE_S)
    raise Taken(f"somebody has locked the directory of {path}: let it go")


def _is_alive(path: str) -> bool:
    """Whether somebody listens at the socket `path`."""
    client = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        client.setblocking(False)
        client.connect(path)
    except (ConnectionRefusedError, FileNotFoundError):
        return False
    except OSError:
        return True  # busy, or not to be reached by us
    finally:
        client.close()
    return True


def _at_port(address: ServeAddress) -> _socket.socket:
    family = _socket.AF_INET6 if ":" in address.host else _socket.AF_INET
    for port in range(address.first_port, address.last_port + 1):
        listener = _socket.socket(family, _socket.SOCK_STREAM)
        try:
            listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
            listener.bind((address.host, port))
            listener.listen(_BACKLOG)
            return listener
        except BaseException as error:
            listener.close()
            if not (isinstance(error, OSError) and error.errno == errno.EADDRINUSE):
                raise
    first, last = address.first_port, address.last_port
    if first == last:
        raise Taken(
            f"port {first} is taken. Give a range, such as {first}-{min(first + 9, 65535)}: each "
            "process has the first port that is free"
        )
    raise Taken(f"all ports from {first} to {last} are taken: give a wider range")


def _url(name: tuple[object, ...]) -> str:
    host, port = name[:2]
    return f"http://[{host}]:{port}" if ":" in str(host) else f"http://{host}:{port}"
