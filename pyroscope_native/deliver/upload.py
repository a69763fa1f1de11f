# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Takes finished windows to the server, one at a time, beside the program."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from pyroscope_native import _core
from pyroscope_native.config import Config
from pyroscope_native.log import warn_once
from pyroscope_native.model import Profile
from pyroscope_native.version import VERSION

if TYPE_CHECKING:
    from pyroscope_native.deliver.push import Pusher

_sleep = time.sleep
"""As it is before the program may put something in its place."""

_PENDING_LIMIT = 4
"""Windows that may wait while an upload is slow; the oldest goes first."""
_UNTAKEN_LIMIT = 20
"""Windows that are kept for a file; the oldest goes first."""
_UPLOAD_TIMEOUT_S = 10.0


class Uploader:
    """Pushes profiles in a thread that lives as long as there are any.

    Without locks: `submit` comes from one thread, `finish` after its end, and
    what they share with the uploading thread is a deque, a token and a flag.
    """

    def __init__(self, config: Config) -> None:
        # It has hooks on both sides of a fork, and the ones must not be there
        # without the others: it can't be among what the thread imports while a
        # fork waits for that.
        import logging  # noqa: F401

        self._config = config
        self._pending: deque[Profile] = deque(maxlen=_PENDING_LIMIT)
        self._thread: _core.OwnThread | None = None
        self._idle = [True]
        """A token that the uploading thread holds: taking from a list is atomic."""
        self._loading = False
        """The thread imports what uploading takes."""
        self.loading_ns = 0
        """CPU time that this has taken."""
        self.pushed = 0
        """Windows that the server has taken."""
        self.failed = 0
        """Windows that it has not."""
        self.untaken: deque[Profile] = deque(maxlen=_UNTAKEN_LIMIT if config.spare_output else 0)
        """The same, where there is a file for them."""

    def _give_up(self, *profiles: Profile) -> None:
        self.failed += len(profiles)
        self.untaken.extend(profiles)

    def submit(self, profile: Profile) -> None:
        """Have `profile` pushed soon."""
        if len(self._pending) == _PENDING_LIMIT:
            try:
                self._give_up(self._pending.popleft())
                warn_once("pending", "the server takes too long: a window was not pushed")
            except IndexError:
                pass  # they have gone meanwhile
        self._pending.append(profile)
        if not self._take_token():
            return  # who has it looks again when it has given it back
        self._loading = True
        try:
            self._thread = _core.OwnThread(self._run)
        except OSError as error:
            self._loading = False
            self._idle.append(True)
            warn_once("thread", f"no thread to upload in: {error.strerror}")

    def _take_token(self) -> bool:
        try:
            return self._idle.pop()
        except IndexError:
            return False

    def wait_until_loaded(self, timeout_s: float) -> None:
        """Wait until no import is under way, `submit` not being called meanwhile.

        A fork that meets one leaves the child with a lock that nobody holds.
        """
        until_s = time.monotonic() + timeout_s
        while self._loading and time.monotonic() < until_s:
            _sleep(0.0005)

    def wait_until_idle(self, until_s: float) -> bool:
        """Wait until all that has been submitted is pushed, or has failed to be; False
        if it is not by `until_s` of the monotonic clock. Any thread may."""
        # In this order: what is pending no longer is in the hands of who has the token.
        while self._pending or not self._idle:
            if time.monotonic() >= until_s:
                return False
            _sleep(0.001)
        return True

    def _run(self) -> None:
        try:
            from pyroscope_native.deliver import push  # noqa: F401
        except Exception:
            pass  # which pushing finds out, and says
        finally:
            self.loading_ns = time.thread_time_ns()
            self._loading = False
        holds_token = True
        while holds_token:
            try:
                self._push_pending(None)
            finally:
                self._idle.append(True)
            # What came meanwhile may have found nobody idle.
            holds_token = bool(self._pending) and self._take_token()

    def _push_pending(self, until_s: float | None) -> None:
        """Over a connection that lasts as long as there is something to push: one
        that is kept for the next thread is of no use where sockets belong to a
        thread's event loop (gevent)."""
        if not self._pending:
            return
        try:
            pusher = _make_pusher(self._config)
        except Exception as error:
            self._give_up(*self._pending)
            self._pending.clear()
            warn_once("pusher", f"nothing can be pushed: {error}")
            return
        while self._pending:
            timeout_s = _UPLOAD_TIMEOUT_S
            if until_s is not None:
                # Connecting and the answer may each take so long.
                timeout_s = max(0.1, (until_s - time.monotonic()) / 2)
            self._push(pusher, self._pending.popleft(), timeout_s)
        pusher.close()

    def _push(self, pusher: Pusher, profile: Profile, timeout_s: float) -> None:
        try:
            pusher.push(profile, timeout_s=timeout_s)
            self.pushed += 1
        except Exception as error:
            self._give_up(profile)
            warn_once(f"push {error}", f"a window was not taken: {error}")

    def finish(self, timeout_s: float) -> None:
        """Push what is left, within `timeout_s`.

        In the caller's thread: when the interpreter ends, no thread can be
        started any more.
        """
        until_s = time.monotonic() + timeout_s
        if self._thread is not None and not self._thread.join(timeout_s):
            self._give_up(*self._pending)
            warn_once("finish", f"the last upload did not end within {timeout_s:g} s")
            return
        self._push_pending(until_s)


def _make_pusher(config: Config) -> Pusher:
    # Here and not above: protobuf and urllib3 take memory and time, and only
    # who pushes needs them.
    from pyroscope_native.deliver.push import Pusher, series_labels

    assert config.server_address is not None
    return Pusher(
        server_address=config.server_address,
        labels=series_labels(config.application_name, config.tags, VERSION),
        basic_auth=config.basic_auth,
        tenant_id=config.tenant_id,
        http_headers=config.http_headers,
        version=VERSION,
    )
