# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Profiles a program that runs already: the side of `attach`.

`meeting` has the program call `attached`. What is seen there comes back by windows; names
of files, pages and servers are this side's work.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from types import FrameType

from pyroscope_native.address import parse_address
from pyroscope_native.config import Config
from pyroscope_native.deliver.file import default_base, write_outputs
from pyroscope_native.deliver.upload import Uploader
from pyroscope_native.errors import CommandError
from pyroscope_native.handover import Begun, Decoder, Ended, Message, Refused
from pyroscope_native.meeting import Meeting
from pyroscope_native.model import Merger, Profile
from pyroscope_native.report import summary, text
from pyroscope_native.report.summary import Facts
from pyroscope_native.version import VERSION

_TICK_S = 0.2
"""How often to look around while there is nothing to read."""
_END_LIMIT_S = 15.0
"""How long a program that should have ended its session is waited for."""

_PACKAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "__init__.py")


def attach(pid: int, config: Config, *, duration_s: float) -> int:
    """Profile process `pid` as `config` says, for `duration_s` seconds, 0 for as long as
    it runs, or until this process is interrupted.

    An empty `application_name` stands for the program's own. Returns the exit status.
    Raises CommandError.
    """
    meeting = Meeting(pid)
    arguments = (_PACKAGE, VERSION, _settings(config), duration_s)
    with _Interrupts() as interrupts:
        connection = meeting.connect(arguments, is_off=lambda: bool(interrupts.status), say=_say)
        if connection is None:
            return interrupts.status
        taking = _Taking(pid, config, duration_s)
        with connection:
            try:
                for message in _messages(connection, duration_s, interrupts, taking.attend):
                    taking.take(message)
            except (TimeoutError, ValueError) as error:
                taking.trouble = str(error)
        return taking.conclude()


def _settings(config: Config) -> dict[str, object]:
    """What the program has to know: nothing that is secret."""
    return {
        "application_name": config.application_name,
        "rate_hz": config.rate_hz,
        "clock": config.clock,
        "tags": dict(config.tags),
        "upload_interval_s": config.upload_interval_s,
        "thread_names": config.thread_names or config.server_address is None,
        "pid_label": config.pid_label,
        "thread_id_label": config.thread_id_label,
        "label_value_limit": config.label_value_limit,
        "replace_label_periods": config.replace_label_periods,
        "line_no": config.line_no,
        "overhead_budget": config.overhead_budget,
        "fuse": config.fuse,
    }


def _say(words: str) -> None:
    print(f"pyroscope_native: {words}", file=sys.stderr, flush=True)


def _printable(text: str) -> str:
    """Without what a program might say to a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)


class _Interrupts:
    """Ctrl-C and SIGTERM, as wishes to come to an end; a second Ctrl-C does not wait."""

    def __init__(self) -> None:
        self.status = 0
        """As shells report the signal, once there is one."""

    def __enter__(self) -> _Interrupts:
        self._former = {
            number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        if self.status:
            raise KeyboardInterrupt
        self.status = 128 + number


def _messages(
    connection: socket.socket,
    duration_s: float,
    interrupts: _Interrupts,
    attend: Callable[[], None],
) -> Iterator[Message]:
    """What the program says until it says no more; `attend` is called now and then.

    Raises TimeoutError where it should have ended and has not, and ValueError.
    """
    decoder = Decoder()
    connection.settimeout(_TICK_S)
    until_s = time.monotonic() + duration_s + _END_LIMIT_S if duration_s else float("inf")
    asked = False
    while True:
        if interrupts.status and not asked:
            asked = True
            until_s = time.monotonic() + _END_LIMIT_S
            with suppress(OSError):  # it has ended meanwhile
                connection.shutdown(socket.SHUT_WR)
        attend()
        try:
            data = connection.recv(1 << 16)
        except socket.timeout:
            if time.monotonic() > until_s:
                raise TimeoutError("it does not answer any more") from None
            continue
        except ConnectionError:
            return
        if not data:
            return
        yield from decoder.feed(data)


class _Taking:
    """What comes of the program, and what becomes of it."""

    def __init__(self, pid: int, config: Config, duration_s: float) -> None:
        self._pid = pid
        self._duration_s = duration_s
        self._config = config
        self._whole = Merger()
        self._uploader: Uploader | None = None
        self._ended: Ended | None = None
        self.trouble = "it has ended without a word"
        """What to say of the program if it does not say itself that it has ended."""

    def take(self, message: Message) -> None:
        """Raises CommandError if nothing is profiled."""
        if isinstance(message, Refused):
            reason = _printable(message.reason)
            raise CommandError(f"process {self._pid} is not profiled: {reason}")
        if isinstance(message, Begun):
            self._begin(_printable(message.program))
        elif isinstance(message, Ended):
            self._ended = message
        elif self._uploader is not None:
            self._uploader.submit(message)
        else:
            self._whole.add(message)

    def attend(self) -> None:
        """Now and then: push again what the server has not taken."""
        if self._uploader is not None:
            self._uploader.resume(at_once=False)

    def _begin(self, program: str) -> None:
        name = self._config.application_name or program
        base = default_base(name, self._pid)
        config = self._config._replace(application_name=name)
        if config.server_address is not None:
            self._config = config._replace(spare_output=f"{base}.pb.gz")
            self._uploader = Uploader(self._config)
        elif config.default_outputs:
            self._config = config._replace(outputs=(f"{base}.pb.gz", f"{base}.html"))
        else:
            self._config = config
        # What is there even if it has no samples.
        self._whole.add(Profile([], [], [], period=config.period_ns, time_ns=time.time_ns()))
        how_long = f" for {self._duration_s:g} s" if self._duration_s else ""
        _say(f"profiling process {self._pid} ({name}){how_long}; Ctrl-C ends it")

    def conclude(self) -> int:
        """Deliver what there is, and say so; returns the exit status."""
        config, ended = self._config, self._ended
        profile = self._whole.profile()
        paths: list[str] = []
        is_taken = True
        if self._uploader is not None:
            self._uploader.finish(config.shutdown_timeout_s)
            is_taken = not self._uploader.untaken
            if not is_taken:
                untaken = Profile.merged(self._uploader.untaken)
                paths = write_outputs(untaken, [config.spare_output], config.application_name)
        elif profile.samples or not config.default_outputs:
            paths = write_outputs(profile, config.outputs, config.application_name)
        if ended is None:
            _say(f"process {self._pid}: {self.trouble}; this had come by then:")
        if config.summary:
            print(self._summary(profile, paths), file=sys.stderr, flush=True)
        return 0 if ended is not None and is_taken else 1

    def _summary(self, profile: Profile, paths: Sequence[str]) -> str:
        ended, uploader = self._ended, self._uploader
        if ended is None:
            return "\n".join([text.render(profile), *(f"  wrote {path}" for path in paths)])
        stats, server = ended.stats, ""
        if uploader is not None and self._config.server_address is not None:
            stats = stats._replace(deliveries=uploader.figures())
            server = parse_address(self._config.server_address)[0].geturl()
        return summary.render(
            Facts(stats, ended.clock_reason, server),
            profile if uploader is None else None,
            paths,
            is_terminal=sys.stderr.isatty(),
        )
