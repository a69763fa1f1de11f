# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Who pushes a window that comes at an awkward moment."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyroscope_native.config import Config
from pyroscope_native.deliver import outbox, upload
from pyroscope_native.deliver.push import PushError
from pyroscope_native.deliver.request import profile_in
from pyroscope_native.deliver.upload import Uploader
from pyroscope_native.model import Frame, Function, Profile, Sample

NOW_NS = time.time_ns()
CONFIG = Config("shop", server_address="http://localhost")


def window(number: int) -> Profile:
    return Profile([Function("f", "f.py", 1)], [Frame(0, 1)], [Sample((0,), 1, ())],
                   time_ns=NOW_NS + number)  # fmt: skip


class AtOnce:
    """Stands for the uploading thread: has done its work when it is made."""

    def __init__(self, work: Callable[[], None]) -> None:
        work()

    def join(self, timeout_s: float) -> bool:
        return True


class Pusher:
    """Keeps what is pushed, by number; `on_close` comes when there was no more to push."""

    destination = "0" * 16

    def __init__(self) -> None:
        self.pushed: list[int] = []
        self.on_send: Callable[[], None] = lambda: None
        self.on_close: list[Callable[[], None]] = []

    def send(self, body: bytes, *, timeout_s: float) -> None:
        self.on_send()
        self.pushed.append(profile_in(body).time_ns - NOW_NS)

    def close(self) -> None:
        for call in self.on_close[:1]:
            del self.on_close[0]
            call()


@pytest.fixture
def pusher(monkeypatch: pytest.MonkeyPatch) -> Pusher:
    made = Pusher()
    monkeypatch.setattr(outbox.Pusher, "configured", lambda _: made)
    monkeypatch.setattr(upload._core, "OwnThread", AtOnce)
    return made


def refuse() -> None:
    raise PushError("nobody is there", status=None, retryable=True)


def test_a_window_that_comes_as_the_thread_ends_is_pushed(pusher: Pusher) -> None:
    uploader = Uploader(CONFIG)
    pusher.on_close.append(lambda: uploader.submit(window(1)))
    uploader.submit(window(0))
    assert pusher.pushed == [0, 1]
    assert uploader.wait_until_idle(time.monotonic())
    uploader.submit(window(2))
    assert pusher.pushed == [0, 1, 2]


def test_a_window_that_comes_during_an_upload_is_pushed(pusher: Pusher) -> None:
    uploader = Uploader(CONFIG)
    coming = [1]
    pusher.on_send = lambda: uploader.submit(window(coming.pop())) if coming else None
    uploader.submit(window(0))
    assert pusher.pushed == [0, 1]


def no_thread(work: Callable[[], None]) -> None:
    raise OSError(11, "Resource temporarily unavailable")


def test_without_a_thread_windows_are_pushed_at_the_end(
    pusher: Pusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload._core, "OwnThread", no_thread)
    uploader = Uploader(CONFIG)
    for number in range(3):
        uploader.submit(window(number))
    assert not uploader.wait_until_idle(time.monotonic())
    assert time.monotonic() < uploader.due_s < math.inf
    uploader.finish(1.0)
    assert pusher.pushed == [0, 1, 2]
    assert uploader.wait_until_idle(time.monotonic())


def test_windows_that_nobody_takes_are_bounded(
    pusher: Pusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload._core, "OwnThread", no_thread)
    uploader = Uploader(CONFIG)
    for number in range(20):
        uploader.submit(window(number))
    figures = uploader.figures()
    assert (figures.closed, figures.waiting, figures.crowded_out) == (20, 16, 4)
    uploader.finish(1.0)
    assert pusher.pushed == list(range(4, 20))


def test_nobody_is_idle_while_a_window_is_pushed(pusher: Pusher) -> None:
    idle: list[bool] = []
    uploader = Uploader(CONFIG)
    pusher.on_send = lambda: idle.append(uploader.wait_until_idle(time.monotonic()))
    uploader.submit(window(0))
    assert idle == [False]
    assert uploader.wait_until_idle(time.monotonic())


def test_a_window_that_was_not_taken_is_tried_again_when_it_is_due(pusher: Pusher) -> None:
    uploader = Uploader(CONFIG)
    pusher.on_send = refuse
    uploader.submit(window(0))
    assert uploader.wait_until_idle(time.monotonic())
    assert uploader.due_s < time.monotonic() + 1
    assert uploader.figures().waiting == 1
    pusher.on_send = lambda: None
    uploader.due_s = time.monotonic() + 3600
    uploader.resume(at_once=False)
    assert pusher.pushed == []
    uploader.due_s = uploader._outboxes[0]._server.not_before_s = time.monotonic()
    uploader.resume(at_once=False)
    assert pusher.pushed == [0]


def test_a_flush_does_not_wait_for_the_next_try(pusher: Pusher) -> None:
    uploader = Uploader(CONFIG)
    pusher.on_send = refuse
    for _ in range(50):  # waits have become long, almost surely
        uploader.submit(window(0))
        uploader.resume(at_once=True)
    pusher.on_send = lambda: None
    uploader.resume(at_once=True)
    assert pusher.pushed == [0] * 50
    assert uploader.due_s == math.inf


def test_a_flush_of_nothing_begins_no_thread(pusher: Pusher) -> None:
    uploader = Uploader(CONFIG)
    uploader.submit(window(0))
    pusher.on_close.append(lambda: pytest.fail("there was nothing to do"))
    uploader.resume(at_once=True)


def test_nothing_is_due_while_somebody_works(pusher: Pusher) -> None:
    """Else the drain would not sleep."""
    due: list[float] = []
    uploader = Uploader(CONFIG)
    pusher.on_send = refuse
    uploader.submit(window(0))
    pusher.on_send = lambda: due.append(uploader.due_s)
    uploader.resume(at_once=True)
    assert due == [math.inf]


def test_what_is_left_at_the_end_goes_to_the_spool(pusher: Pusher, tmp_path: Path) -> None:
    spooling = CONFIG._replace(spool_directory=str(tmp_path), spare_output="/none.pb.gz")
    uploader = Uploader(spooling)
    pusher.on_send = refuse
    uploader.submit(window(0))
    uploader.submit(window(1))
    uploader.finish(1.0)
    assert (uploader.figures().spooled, uploader.untaken) == (2, [])

    pusher.on_send = lambda: None
    next_one = Uploader(spooling)
    assert next_one.due_s < math.inf
    next_one.submit(window(2))
    assert pusher.pushed == [0, 1, 2]
    assert next_one.figures() == upload.Deliveries(closed=1, found=2, pushed=3)


def test_a_server_that_is_busy_at_the_end_is_tried_again(pusher: Pusher) -> None:
    tries = iter(range(3))

    def busy() -> None:
        if next(tries, None) is not None:
            raise PushError("too many", status=429, retryable=True)

    uploader = Uploader(CONFIG)
    uploader._submitted.extend([window(0), window(1)])
    pusher.on_send = busy
    uploader.finish(60.0)
    assert sorted(pusher.pushed) == [0, 1]


def test_the_end_is_as_long_as_was_said(pusher: Pusher) -> None:
    uploader = Uploader(CONFIG)
    uploader.submit(window(0))
    uploader._submitted.append(window(1))
    uploader.finish(0.0)
    assert pusher.pushed == [0]
    assert uploader.figures().left_over == 1


def test_what_is_left_at_the_end_is_for_a_file_in_order_of_time(pusher: Pusher) -> None:
    uploader = Uploader(CONFIG._replace(spare_output="/none.pb.gz"))
    pusher.on_send = refuse
    for number in (1, 0, 2):
        uploader.submit(window(number))
    uploader.finish(1.0)
    assert [each.time_ns - NOW_NS for each in uploader.untaken] == [0, 1, 2]
    assert uploader.figures() == upload.Deliveries(closed=3, left_over=3)


@pytest.mark.parametrize("spools", [True, False])
def test_what_a_stuck_thread_leaves_is_kept(
    pusher: Pusher, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, spools: bool
) -> None:
    """It never comes back from its second upload."""

    class Stuck(BaseException):
        pass

    class Thread(AtOnce):
        def __init__(self, work: Callable[[], None]) -> None:
            with pytest.raises(Stuck):
                work()

        def join(self, timeout_s: float) -> bool:
            return False

    def hang() -> None:
        if pusher.pushed:
            uploader._submitted.append(window(2))
            raise Stuck

    monkeypatch.setattr(upload._core, "OwnThread", Thread)
    # Nothing is given back.
    monkeypatch.setattr(outbox.Outbox, "due_s", 0.0)
    settings: dict[str, Any] = {"spool_directory": str(tmp_path)} if spools else {}
    uploader = Uploader(CONFIG._replace(spare_output="/none.pb.gz", **settings))
    uploader._submitted.append(window(0))
    pusher.on_send = hang
    uploader.submit(window(1))
    uploader.finish(0.1)
    assert pusher.pushed == [0]
    if spools:
        assert len(list(tmp_path.glob("*.gz"))) == 2
        assert uploader.untaken == []
    else:
        assert [each.time_ns - NOW_NS for each in uploader.untaken] == [1, 2]


def test_what_can_not_be_sent_at_all_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload._core, "OwnThread", AtOnce)
    uploader = Uploader(CONFIG._replace(tenant_id="a\nb", spare_output="/none.pb.gz"))
    uploader.submit(window(0))
    assert uploader.wait_until_idle(time.monotonic())
    uploader.finish(1.0)
    assert uploader.figures() == upload.Deliveries(closed=1, left_over=1)
    assert uploader.untaken == [window(0)]
