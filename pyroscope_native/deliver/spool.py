# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Requests that wait for the server on disk, where they outlive the process.

A folder that processes share. Of each request it has a file, whose name says the rest:

    <time, ns>-<destination>-<owner>-<number>.gz

`destination` tells servers, tenants and users apart, so that everyone sends what is meant
for the server that he sends to, with credentials of his own. `owner` is a process, which
alone sends its files as long as it holds the lock on `<owner>.lock`. The kernel releases
that however the process ends; whoever finds it released, or gone, renames the files to
his own. Renaming succeeds for one only, so nothing is sent by two.

A file appears whole, by a rename. It is not synced: the death of a process, however
sudden, loses nothing that was written, and a power failure the last seconds; a sync could
wait for the disk for as long. What it tears is found by gzip's checksum, and set aside as
`*.corrupt`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
from typing import NamedTuple

from pyroscope_native.deliver.queue import Waiting
from pyroscope_native.deliver.request import is_whole
from pyroscope_native.log import warn_once

_NAME = re.compile(
    r"(?P<time_ns>\d{20})-(?P<destination>[0-9a-f]{16})-(?P<owner>\d+\.[0-9a-f]{8})-\d{8}"
    r"\.(?P<kind>gz|corrupt)"
)


_LOCK = ".lock"

_HIGH = 512
"""Where programs that close all descriptors, and open some again, come last."""


class _File(NamedTuple):
    """A file of the spool; sorted, they are in order of time."""

    name: str
    time_ns: int
    destination: str
    owner: str
    is_corrupt: bool


class _Lock:
    """A file that is locked, and made if it is not there."""

    def __init__(self, path: str) -> None:
        """Raises OSError where somebody else has the lock."""
        self._descriptor = _moved_up(_private(path, os.O_RDWR | os.O_CREAT))
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._identity = self._found()
        except OSError:
            os.close(self._descriptor)
            raise

    def _found(self) -> tuple[int, int]:
        status = os.fstat(self._descriptor)
        return status.st_dev, status.st_ino

    def is_held(self) -> bool:
        """Whether the descriptor is still ours."""
        try:
            return self._found() == self._identity
        except OSError:
            return False

    def close(self) -> None:
        """Let go of it."""
        if self.is_held():
            os.close(self._descriptor)


class Spool:
    """What this process has in the folder. For one thread at a time.

    directory: made if it is not there.
    limit_bytes: of the files of all processes together; the oldest goes first.
    destination: 16 hex digits, see above.
    """

    def __init__(self, directory: str, limit_bytes: int, destination: str) -> None:
        """Raises OSError where there can be no such folder."""
        self._directory, self._limit_bytes = directory, limit_bytes
        self._destination = destination
        self._owner = f"{os.getpid()}.{os.urandom(4).hex()}"
        self._count = 0
        self._own: dict[str, Waiting] = {}
        """By the name of the file."""
        self.found = 0
        """Requests that others have left behind, and that are ours now."""
        self.crowded_out = 0
        """Requests of ours that went for want of room."""
        self.damaged = 0
        """Requests of ours that were set aside."""
        os.makedirs(directory, mode=0o700, exist_ok=True)
        self._lock: _Lock | None = self._locked()

    def __len__(self) -> int:
        return len(self._own)

    def _path(self, name: str) -> str:
        return os.path.join(self._directory, name)

    def _draft(self, owner: str) -> str:
        return self._path(f"{owner}.draft")

    def _lock_path(self, owner: str) -> str:
        return self._path(f"{owner}{_LOCK}")

    def _locked(self) -> _Lock:
        """The lock appears when it is held."""
        draft = self._draft(self._owner)
        lock = _Lock(draft)
        try:
            os.rename(draft, self._lock_path(self._owner))
        except OSError:
            lock.close()
            _remove(draft)
            raise
        return lock

    def _keep_lock(self) -> None:
        """The program may have closed all descriptors, to become a daemon."""
        if self._lock is not None and not self._lock.is_held():
            try:
                self._lock = _Lock(self._lock_path(self._owner))
            except OSError:
                pass  # somebody takes over just now

    # -- our own --

    def put(self, time_ns: int, body: bytes) -> Waiting:
        """Write `body`, at the cost of older ones where there is no room. Raises OSError."""
        if len(body) > self._limit_bytes:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        self._make_room(len(body))
        draft = self._draft(self._owner)
        waiting = Waiting(time_ns, self._next_name(time_ns))
        try:
            with open(draft, "wb", opener=_private) as file:
                file.write(body)
            os.rename(draft, self._path(waiting.key))
        except OSError:
            _remove(draft)
            raise
        self._own[waiting.key] = waiting
        return waiting

    def waiting(self) -> list[Waiting]:
        """What is ours to send, oldest first: with what others have left behind."""
        self._keep_lock()
        self._look_around()
        return sorted(self._own.values())

    def read(self, waiting: Waiting) -> bytes | None:
        """Its body; None if it is there no more, or damaged."""
        path = self._path(waiting.key)
        try:
            with open(path, "rb") as file:
                body = file.read()
        except FileNotFoundError:
            self._lose(waiting.key)
            return None
        except OSError:
            body = b""
        if is_whole(body):
            return body
        try:
            os.rename(path, f"{path[: -len('.gz')]}.corrupt")
        except OSError:
            pass
        del self._own[waiting.key]
        self.damaged += 1
        warn_once("spool-damaged", f"a window that waited was damaged: see {path[:-2]}corrupt")
        return None

    def remove(self, waiting: Waiting) -> None:
        """Forget it, if it is there."""
        _remove(self._path(waiting.key))
        self._own.pop(waiting.key, None)

    def close(self) -> None:
        """Leave what there is to others."""
        if self._lock is None:
            return
        try:
            if not self._own.keys() & set(self._names()):
                _remove(self._lock_path(self._owner))
        finally:
            self.abandon()

    def abandon(self) -> None:
        """In the child of a fork: the lock is the parent's, and would outlive it here."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.close()

    def _next_name(self, time_ns: int) -> str:
        self._count += 1
        return f"{time_ns:020d}-{self._destination}-{self._owner}-{self._count:08d}.gz"

    def _lose(self, name: str) -> None:
        if self._own.pop(name, None) is not None:
            self.crowded_out += 1

    # -- everybody's --

    def _names(self) -> list[str]:
        """Of all files; none where they can't be listed."""
        try:
            return os.listdir(self._directory)
        except OSError:
            return []

    def _make_room(self, size_bytes: int) -> None:
        files = _files(self._names())
        sizes = {file.name: _size(self._path(file.name)) for file in files}
        over_bytes = sum(sizes.values()) + size_bytes - self._limit_bytes
        for file in files:
            if over_bytes <= 0:
                break
            _remove(self._path(file.name))
            over_bytes -= sizes[file.name]
            self._lose(file.name)
            warn_once("spool-full", f"{self._directory} is full: the oldest windows are dropped")

    def _look_around(self) -> None:
        """Take over what is left behind; notice what others have dropped for want of room."""
        names = self._names()
        for name in self._own.keys() - set(names):
            self._lose(name)
        files: dict[str, list[_File]] = {
            name[: -len(_LOCK)]: [] for name in names if name.endswith(_LOCK)
        }
        for file in _files(names):
            if not file.is_corrupt:
                files.setdefault(file.owner, []).append(file)
        files.pop(self._owner, None)
        for owner, theirs in files.items():
            if all(file.destination == self._destination for file in theirs):
                self._take_over(owner, theirs)

    def _take_over(self, owner: str, files: list[_File]) -> None:
        path = self._lock_path(owner)
        try:
            lock = _Lock(path) if os.path.lexists(path) else None
        except OSError:
            return  # it lives, or is another user's, or somebody else takes over
        self._adopt(files)
        if lock is not None:
            _remove(self._draft(owner))
            _remove(path)
            lock.close()

    def _adopt(self, files: list[_File]) -> None:
        for file in files:
            name = self._next_name(file.time_ns)
            try:
                os.rename(self._path(file.name), self._path(name))
            except OSError:
                continue  # somebody else was faster
            self._own[name] = Waiting(file.time_ns, name)
            self.found += 1


def _files(names: list[str]) -> list[_File]:
    """What `names` say of files with requests, oldest first."""
    return sorted(
        _File(
            name=match[0],
            time_ns=int(match["time_ns"]),
            destination=match["destination"],
            owner=match["owner"],
            is_corrupt=match["kind"] == "corrupt",
        )
        for match in filter(None, map(_NAME.fullmatch, names))
    )


def _moved_up(descriptor: int) -> int:
    """The same file under a high number, if there is room; `descriptor` is used up."""
    try:
        high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    except OSError:
        return descriptor
    os.close(descriptor)
    return high


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
