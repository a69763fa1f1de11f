# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""How `attach` comes together with a program that runs already.

CPython 3.14 lets one process have another's main thread execute a script (PEP 768). Ours
connects to a socket beside it, in a directory that nobody else can look into.
"""

from __future__ import annotations

import os
import shutil
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Sequence

from pyroscope_native.errors import CommandError
from pyroscope_native.target import (
    is_running,
    why_no_permission,
    why_not_here,
    why_unfit,
    why_waiting,
)

_TICK_S = 0.2
"""How often to look around while nobody comes."""
_PATIENCE_S = 1.0
"""A program that has not come by then is said to be waited for."""
_ANSWER_LIMIT_S = 30.0
"""How long it is waited for."""

_SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "attach_script.py")


class Meeting:
    """With process `pid`."""

    def __init__(self, pid: int) -> None:
        """Raises CommandError where it can't be met from here."""
        remote_exec: Callable[[int, str], None] | None = getattr(sys, "remote_exec", None)
        if not is_running(pid) or pid == os.getpid():
            raise CommandError(f"there is no process {pid} to attach to")
        if remote_exec is None:
            raise CommandError(why_not_here(pid))
        self._remote_exec = remote_exec
        self._pid = pid

    def connect(
        self, arguments: Sequence[object], *, is_off: Callable[[], bool], say: Callable[[str], None]
    ) -> socket.socket | None:
        """A connection to the program, which is the first argument of what it executes;
        None as soon as it `is_off`. `say` is told what takes long.

        Raises CommandError, and then nothing is left to be executed.
        """
        directory = tempfile.mkdtemp(prefix="pyroscope-attach-")
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
                self._invite(listener, directory, arguments)
                connection = None
                try:
                    connection = self._answer(listener, is_off, say)
                finally:
                    if connection is None:
                        self._withdraw()
                return connection
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def _invite(self, listener: socket.socket, directory: str, arguments: Sequence[object]) -> None:
        address, script = os.path.join(directory, "socket"), os.path.join(directory, "attach.py")
        try:
            listener.bind(address)
        except OSError as error:
            raise CommandError(f"no socket in {directory} (see TMPDIR): {error}") from None
        listener.listen(1)
        with open(_SCRIPT, encoding="utf-8") as file:
            text = file.read()
        with open(script, "w", encoding="utf-8") as file:
            file.write(f"{text}\n\nattach(*{(address, *arguments)!r})\n")
        self._give_to_owner([directory, address, script])
        self._check_that_it_sees(script)
        try:
            self._remote_exec(self._pid, script)
        except PermissionError:
            raise CommandError(why_no_permission(self._pid)) from None
        except Exception as error:
            raise CommandError(why_unfit(self._pid, str(error))) from None

    def _give_to_owner(self, paths: Sequence[str]) -> None:
        """What is root's others can't read."""
        if os.geteuid() != 0:
            return
        try:
            owner = os.stat(f"/proc/{self._pid}")
        except OSError:
            return
        for path in paths:
            os.chown(path, owner.st_uid, owner.st_gid)

    def _check_that_it_sees(self, script: str) -> None:
        root = f"/proc/{self._pid}/root"
        try:
            sees = os.path.samefile(root + script, script)
        except FileNotFoundError:
            sees = not os.path.exists(f"{root}/")
        except OSError:
            return  # no permission, which has words of its own
        if not sees:
            raise CommandError(
                f"process {self._pid} sees other files than we do: in a container, run attach "
                "there (docker exec, kubectl exec); for a service with a /tmp of its own, set "
                "TMPDIR to a directory that both see"
            )

    def _withdraw(self) -> None:
        """Have it execute nothing instead: of a script that is gone it would complain."""
        try:
            self._remote_exec(self._pid, os.devnull)
        except Exception:
            pass  # there is no such program any more

    def _answer(
        self, listener: socket.socket, is_off: Callable[[], bool], say: Callable[[str], None]
    ) -> socket.socket | None:
        began_s = time.monotonic()
        listener.settimeout(_TICK_S)
        said = False
        while not is_off():
            try:
                connection, _ = listener.accept()
                if _peer(connection) in (self._pid, None):
                    return connection
                connection.close()  # a child that it has forked meanwhile
            except socket.timeout:
                pass
            waited_s = time.monotonic() - began_s
            if not is_running(self._pid):
                raise CommandError(f"process {self._pid} has ended before it could be profiled")
            if waited_s > _ANSWER_LIMIT_S:
                raise CommandError(
                    f"given up after {waited_s:.0f} s: {why_waiting(self._pid)}. "
                    "Nothing has been changed there"
                )
            if waited_s > _PATIENCE_S and not said:
                said = True
                say(f"waiting: {why_waiting(self._pid)}")
        return None


def _peer(connection: socket.socket) -> int | None:
    """The process at the other side; None where that can't be told."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    pid: int
    pid, _, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, option, 12))
    return pid
