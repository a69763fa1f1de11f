# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The fuse: an application that died inside the profiler starts without it.

While a session runs, a small file in memory says who it is of and, by marks that
the core keeps there, whether it is in code that can crash (`csrc/fuse.h`). The
end of the session removes it. Who finds the file of a process that is no more
knows that it died, and where.

A process that is killed from outside dies inside the profiler once in some
hundred times by chance. So the last deaths of an application are kept for a day,
and the fuse has blown when more than one in ten was inside.
"""

# No postponed annotations here: see config.py.

import os
import stat
import sys
import time
from binascii import crc32
from typing import NamedTuple, Optional

from pyroscope_native import _core
from pyroscope_native.version import VERSION

_PREFIX = "pyroscope-native"
_MEMORY_S = 24 * 3600
_DEATHS_KEPT = 20
_BLOWN_SHARE = 0.1


class Death(NamedTuple):
    """The end of a process that was being profiled."""

    time_s: float
    """When it was found, in seconds since 1970."""
    pid: int
    inside: bool
    """It was inside the profiler."""


def _process_start(pid: int) -> Optional[str]:
    """When a process began, as the kernel counts; None if there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def _pid_namespace() -> str:
    try:
        return str(os.stat("/proc/self/ns/pid").st_ino)
    except OSError:
        return "0"


def _open_own(path: str, flags: int) -> int:
    """A descriptor of a regular file of ours. Raises OSError."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    found = os.fstat(descriptor)
    if found.st_uid != os.geteuid() or not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise PermissionError(f"{path} is not ours")
    return descriptor


def _read_own(path: str) -> bytes:
    with open(_open_own(path, os.O_RDONLY), "rb") as file:
        return file.read(64 * 1024)


class Fuse:
    """Of one application, of this user."""

    def __init__(self, application_name: str, directory: str) -> None:
        self._application = application_name
        self._directory = directory
        self._own = f"{_PREFIX}-{os.geteuid()}-"
        self._deaths_path = self._path(f"{crc32(application_name.encode()):08x}.deaths")
        self._marker = ""
        """Path of this process's file, while there is one."""

    def _path(self, name: str) -> str:
        return os.path.join(self._directory, self._own + name)

    def blown(self) -> Optional[str]:
        """Why this application should not be profiled; None if it may be."""
        try:
            self._collect()
            deaths = _read_deaths(self._deaths_path)
        except Exception:  # of whatever the program has put in the place of os.listdir
            return None
        inside = [death for death in deaths if death.inside]
        if len(inside) <= _BLOWN_SHARE * len(deaths):
            return None
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(inside[-1].time_s))
        return (
            f"process {inside[-1].pid} of {self._application} died inside the profiler (found "
            f"{when}); please report it. For a day this application runs without; "
            f"python -m pyroscope_native doctor --reset-fuse --application-name "
            f"{self._application}, or PYROSCOPE_FUSE=off, ends that"
        )

    def arm(self) -> None:
        """From now on, leave a trace of a death. Where that can't be had: nothing."""
        pid = os.getpid()
        text = f"{pid} {_process_start(pid)} {_pid_namespace()} {self._deaths_path}".encode()
        path = self._path(f"{pid}-{time.monotonic_ns()}.marker")
        if len(text) >= _core.FUSE_TEXT_BYTES:
            return
        try:
            descriptor = _open_own(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        except Exception:
            return
        try:
            os.write(descriptor, text)
            _core.arm_fuse(descriptor)
            self._marker = path
        except OSError:
            os.unlink(path)
        finally:
            os.close(descriptor)

    def disarm(self) -> None:
        """The session has ended well."""
        _core.disarm_fuse()
        path, self._marker = self._marker, ""
        if path:
            try:
                os.unlink(path)
            except OSError:
                pass

    def reset(self) -> bool:
        """Forget deaths; whether there were any."""
        self._collect()
        try:
            os.unlink(self._deaths_path)
        except OSError:
            return False
        return True

    def _collect(self) -> None:
        """Enter the deaths that markers tell of, of whatever application of ours."""
        namespace = _pid_namespace()
        for name in os.listdir(self._directory):
            if not (name.startswith(self._own) and name.endswith(".marker")):
                continue
            path = os.path.join(self._directory, name)
            try:
                content = _read_own(path)
                text = content[: _core.FUSE_TEXT_BYTES].rstrip(b"\0").decode()
                pid, start, its_namespace, deaths = text.split(" ", 3)
                if its_namespace != namespace or _process_start(int(pid)) == start:
                    continue
                os.unlink(path)  # who succeeds has found it
                inside = any(content[_core.FUSE_TEXT_BYTES : _core.FUSE_BYTES])
                self._enter(deaths, Death(time.time(), int(pid), inside))
            except (OSError, ValueError):
                continue  # being written, or found by another

    def _enter(self, path: str, death: Death) -> None:
        if os.path.dirname(path) != self._directory:
            return
        deaths = [*_read_deaths(path), death][-_DEATHS_KEPT:]
        lines = [_about_us(), *(f"{time_s:.0f} {pid} {inside:d}" for time_s, pid, inside in deaths)]
        fresh = f"{path}.{os.getpid()}"
        with open(_open_own(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "w") as file:
            file.write("\n".join(lines))
        os.replace(fresh, path)


def _about_us() -> str:
    """Another version of either may not have the fault."""
    return f"{VERSION} on {sys.implementation.cache_tag}"


def _read_deaths(path: str) -> list[Death]:
    """Those of the last day, the latest last."""
    try:
        by, *lines = _read_own(path).decode().splitlines()
        fields = [line.split() for line in lines]
        deaths = [Death(float(at), int(pid), inside == "1") for at, pid, inside in fields]
    except (OSError, ValueError):
        return []
    if by != _about_us():
        return []
    return [death for death in deaths if death.time_s > time.time() - _MEMORY_S]
