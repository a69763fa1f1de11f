# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What becomes of a session when its process forks, execs or ends."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import atexit
import gc
import os
import posix
import sys
import time
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any, ClassVar

from pyroscope_native import _core
from pyroscope_native.figures import Stats
from pyroscope_native.log import warn_once
from pyroscope_native.session import Session, StartError

_sleep = time.sleep
"""As it is before the program may put something in its place."""

_END_LIMIT_S = 15.0
"""The longest that the end of a session takes: see shutdown_timeout_s."""

_PENDING_TRIES = 20
"""How often to look whether SIGPROF can be given back, a millisecond apart."""


class AlreadyRunning(StartError):
    """There is one session at a time."""


class _State:
    """The session of this process, and how to end it."""

    unclaimed: ClassVar[list[bool]] = [True]
    """Emptied by whoever begins a session, filled when it has ended: taking from a
    list is atomic, and a lock may be another library's by the time it is needed."""
    pid = 0
    """Of the process that all this is about: a fork from C may come past our hooks."""
    session: Session | None = None
    latest: Session | None = None
    """The same, or the one before."""
    finish: Callable[[], object] | None = None
    in_child: Callable[[], None] | None = None
    """What is to be done in the children of forks."""
    terminate_limit_s = 0
    """What the end may take when SIGTERM comes; 0: it is none of our business."""
    becoming = ""
    """The program that an exec is about to put in place of this one."""
    hooked = forks_hooked = exit_preceded = False
    preceded: ClassVar[dict[tuple[ModuleType, str], tuple[Any, Any]]] = {}
    """By module and name a builtin and what is put in its place, which is made once:
    there is room for few."""
    ending = False
    """A thread ends the session just now."""
    dying = False
    """And the process next."""
    exiting = False
    """The interpreter has begun to end: nobody would end another session."""


# The core outlives this module where a program imports the package anew.
_Current: type[_State] = vars(_core).setdefault("current", _State)


def current() -> Session | None:
    """The session that profiles this process."""
    _notice_fork()
    return _Current.session


def stats() -> Stats | None:
    """Of the session that profiles this process, or of the last one."""
    _notice_fork()
    return _Current.latest.stats() if _Current.latest is not None else None


def becoming() -> str:
    """While a session ends because of an exec, the path of the program that comes;
    else empty."""
    return _Current.becoming


def begin(
    session: Session,
    finish: Callable[[], object],
    in_child: Callable[[], None] | None = None,
) -> None:
    """Start `session` and see it through; `finish` ends it and delivers. `in_child` is
    called in each child that is forked meanwhile, and may begin a session there. Where
    another session is about to end, that comes first.

    Raises StartError and AlreadyRunning.
    """
    _notice_fork()
    if _Current.exiting:
        raise StartError("the program is ending")
    _wait_while_ending()
    try:
        _Current.unclaimed.pop()
    except IndexError:
        raise AlreadyRunning("profiling is under way already") from None
    session.on_over = end
    try:
        session.start()
    except BaseException:
        _Current.unclaimed.append(True)
        raise
    _Current.session = _Current.latest = session
    _Current.pid = os.getpid()
    _Current.finish = finish
    follow_forks(in_child)


def follow_forks(in_child: Callable[[], None] | None) -> None:
    """Have `in_child` called in children, whether or not this process is profiled."""
    _Current.in_child = in_child
    _hook()


def _hook() -> None:
    if not _Current.hooked:
        _Current.hooked = True
        _hook_forks()
        atexit.register(_core.undisturbed, _end_at_exit)
        _precede(posix, "execv", _before_exec)
        _precede(posix, "execve", _before_exec)
        _precede(_signal, "signal", _before_signal)


def _hook_forks() -> None:
    """For good: Python can't be told to call them no longer. Without a session they
    do nothing."""
    if not _Current.forks_hooked:
        _Current.forks_hooked = True
        os.register_at_fork(
            before=_before_fork,
            after_in_parent=partial(_core.keeping_errno, _after_in_parent),
            after_in_child=_after_in_child,
        )


def unhook() -> None:
    """Take away what `begin` and `end_before_os_exit` have put in place, when the
    session is about to be over."""
    _Current.hooked = _Current.exit_preceded = False
    atexit.unregister(_core.undisturbed)
    for (module, name), (original, replacement) in _Current.preceded.items():
        _put(module, name, original, in_place_of=replacement)
        os.supports_fd.discard(replacement)
    try:
        for _ in range(_PENDING_TRIES):
            if not _is_signal_pending():
                _core.return_signal()
                break
            _signal.sigtimedwait((), 0.001)  # time.sleep may be another library's
    except OSError:
        pass  # where there is no telling it stays ours, and does nothing


def _is_signal_pending() -> bool:
    """Whether a tick may still be on its way: the timers are gone, but a thread may have
    the signal blocked, or not have run since. Raises OSError."""
    mask = 1 << (_signal.SIGPROF - 1)
    for thread in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{thread}/status", "rb") as file:
                pending = [line.split()[1] for line in file if b"Pnd:" in line]
        except OSError:
            continue  # it has ended
        if any(int(word, 16) & mask for word in pending):
            return True
    return False


def _precede(module: ModuleType, name: str, before: Callable[..., object]) -> None:
    """Have `before` called before a builtin of `module`; another library's
    replacement of it is left alone."""
    if (module, name) not in _Current.preceded:
        original = getattr(module, name)
        try:
            replacement = _core.preceded(partial(_core.undisturbed, before), original)
        except TypeError:
            return
        _Current.preceded[module, name] = original, replacement
    original, replacement = _Current.preceded[module, name]
    _put(module, name, replacement, in_place_of=original)
    if original in os.supports_fd:
        os.supports_fd.add(replacement)


def _put(module: ModuleType, name: str, function: Any, *, in_place_of: Any) -> None:
    for place in (module, os):
        if getattr(place, name, None) is in_place_of:
            setattr(place, name, function)


def end_before_os_exit() -> None:
    """Let the session end when the program calls os._exit(), which ends a
    process without a further word."""
    if not _Current.exit_preceded:
        _Current.exit_preceded = True
        _precede(posix, "_exit", lambda *_, **__: end())


def _before_signal(signalnum: int, *_: Any) -> Callable[[], None] | None:
    """Step back before the program takes SIGPROF, or gives it up: at its default
    action the next tick would be the program's death. Afterwards stand in again for
    SIGTERM's, to which many a server returns before it ends."""
    if signalnum == _signal.SIGPROF and _Current.session is not None:
        _Current.session.step_back()
    if signalnum == _signal.SIGTERM and _Current.terminate_limit_s:
        return partial(_core.watch_terminate, _Current.terminate_limit_s)
    return None


def end_before_termination(limit_s: int) -> None:
    """Let the session end, within `limit_s`, when SIGTERM comes at its default action."""
    assert _Current.session is not None
    _Current.session.on_terminate = _end_and_terminate
    _Current.terminate_limit_s = limit_s
    _core.watch_terminate(limit_s)


def end() -> None:
    """End the session, if there is one; if another thread does so already, wait
    until it has. Never raises."""
    finish, _Current.finish, _Current.session = _Current.finish, None, None
    _Current.in_child, _Current.terminate_limit_s = None, 0
    if finish is None:
        _wait_while_ending()
        return
    _Current.ending = True
    try:
        finish()
    except Exception as error:
        warn_once("end", f"the last profile could not be delivered: {error!r}")
    finally:
        _core.unwatch_terminate()  # a SIGTERM that has come meanwhile is the end
        _Current.ending = _Current.dying
        _Current.unclaimed.append(True)


def _wait_while_ending() -> None:
    until_s = time.monotonic() + _END_LIMIT_S
    while _Current.ending and time.monotonic() < until_s:
        _sleep(0.005)


def _end_at_exit() -> None:
    _Current.exiting = True
    end()


def _end_and_terminate() -> None:
    """End the session, then the process, by SIGTERM. Who would end the process
    otherwise is kept waiting."""
    _Current.dying = True
    gc.disable()  # a process that dies of a signal runs no finalizers
    end()
    _core.terminate()


def _before_fork() -> None:
    if _Current.session is not None:
        _Current.session.pause(sys._getframe().f_back)


def _after_in_parent() -> None:
    if _Current.session is not None:
        _Current.session.resume()


def _notice_fork() -> None:
    """Let go of the parent's session where a fork from C has not called the hooks, as
    uWSGI's do."""
    if _Current.session is not None and _Current.pid != os.getpid():
        _let_go()


def _let_go() -> Session | None:
    """The parent's samples, threads and connections stay with the parent; returns what
    was its session."""
    session, _Current.session, _Current.finish = _Current.session, None, None
    _Current.latest = _Current.in_child = None
    _Current.terminate_limit_s = 0
    _Current.ending = _Current.dying = False
    _Current.unclaimed[:] = [True]
    _core.reset_after_fork()
    if session is not None:
        session.abandon()
    return session


def _after_in_child() -> None:
    in_child, session = _Current.in_child, _let_go()
    # The process clock is not for children: exec from C would kill them.
    if in_child is None or (session is not None and session.clock == "process"):
        return
    # Who forks with all signals blocked is in a spawn, and about to exec.
    if _signal.SIGPROF in _signal.pthread_sigmask(_signal.SIG_BLOCK, ()):
        return
    try:
        in_child()
    except StartError as error:
        warn_once("fork", f"the child of a fork is not profiled: {error}")


def _before_exec(path: Any, *_: Any, **__: Any) -> None:
    """The next program must not inherit an armed timer, nor take with it what
    was profiled of this one."""
    _core.before_exec()
    if isinstance(path, int) or (os.path.isfile(path) and os.access(path, os.X_OK)):
        _Current.becoming = "" if isinstance(path, int) else os.fsdecode(path)
        end()
        _Current.becoming = ""
