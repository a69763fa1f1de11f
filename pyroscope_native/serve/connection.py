# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""One client, who may be slow, broken or gone: a request, an answer, and the end.

Nothing here waits; what comes when is the event loop's to find out.
"""

from __future__ import annotations

import _socket
import time
from collections.abc import Callable

from pyroscope_native import _core
from pyroscope_native.recording import Scrape
from pyroscope_native.serve.answer import Answer, text
from pyroscope_native.serve.request import HEAD_LIMIT, Refused, Request, parse_head
from pyroscope_native.serve.waker import NO_SIGNAL

READ_S = 10.0
"""What the head of a request may take."""
WRITE_S = 60.0
"""What an answer may take."""
_LINGER_S = 2.0
"""How long a client that has its answer may stay."""
_RECEIVED_BYTES = 65536
_NEVER = float("inf")


class Connection:
    """A client and how far it has come: reads, is waited for, writes, lingers."""

    def __init__(
        self, socket: _socket.socket, handle: Callable[[Connection, Request], None]
    ) -> None:
        """`handle` is called with the request, and may `send` or `wait_for`."""
        self._socket, self._handle = socket, handle
        self._received = b""
        self._unsent = memoryview(b"")
        self._act: Callable[[], None] = self._read
        self.scrape: Scrape | None = None
        """What the client waits for."""
        self.events = _core.POLL_IN
        """Of which the event loop is to tell."""
        self.until_s = time.monotonic() + READ_S
        """When patience ends, of the monotonic clock."""
        self.is_closed = False

    def fileno(self) -> int:
        return self._socket.fileno()

    @property
    def is_owed(self) -> bool:
        """Whether an answer is under way."""
        return self.scrape is not None or bool(self._unsent)

    def on_ready(self) -> None:
        """Do what can be done now."""
        try:
            self._act()
        except BlockingIOError:
            pass
        except OSError:
            self.close()  # the client is gone

    def send(self, answer: Answer, *, head_only: bool = False) -> None:
        """The last thing to happen, but for the end."""
        self.scrape = None
        self._unsent = memoryview(answer.encoded(head_only=head_only))
        self._turn_to(self._write, _core.POLL_OUT, WRITE_S)
        self.on_ready()

    def wait_for(self, scrape: Scrape) -> None:
        """Until it sends, there is nothing to do but look whether the client is gone."""
        self.scrape = scrape
        self._turn_to(self._watch, _core.POLL_IN, _NEVER)

    def close(self) -> None:
        """The client has what it gets, or never will."""
        self._end()
        self._socket.close()

    def forget(self) -> None:
        """The descriptor is not ours any more."""
        self._end()
        self._socket.detach()

    def _end(self) -> None:
        self.is_closed = True
        self._unsent = memoryview(b"")
        if self.scrape is not None:
            self.scrape.given_up = True
            self.scrape = None
            _core.wake()

    def _turn_to(self, act: Callable[[], None], events: int, limit_s: float) -> None:
        self._act, self.events = act, events
        self.until_s = time.monotonic() + limit_s

    def _read(self) -> None:
        data = self._socket.recv(HEAD_LIMIT)
        if not data:
            self.close()
            return
        self._received += data
        try:
            request = parse_head(self._received)
            if request is not None:
                self._received = b""
                self._handle(self, request)
        except Refused as refused:
            self.send(text(refused.status, refused.words))

    def _watch(self) -> None:
        if not self._socket.recv(_RECEIVED_BYTES):
            self.close()
            return
        self.events = 0  # another request ahead of time: only the end counts

    def _write(self) -> None:
        while self._unsent:
            self._unsent = self._unsent[self._socket.send(self._unsent, NO_SIGNAL) :]
        # To close with something unread would have the kernel throw away what the
        # client has not read yet.
        self._socket.shutdown(_socket.SHUT_WR)
        self._turn_to(self._linger, _core.POLL_IN, _LINGER_S)

    def _linger(self) -> None:
        if not self._socket.recv(_RECEIVED_BYTES):
            self.close()
