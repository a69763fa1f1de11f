# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Who pushes a window that comes at an awkward moment."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from pyroscope_native.config import Config
from pyroscope_native.deliver import upload
from pyroscope_native.deliver.upload import Uploader
from pyroscope_native.model import Profile

PROFILES = [Profile([], [], [], time_ns=number) for number in range(3)]


class AtOnce:
    """Stands for the uploading thread: has done its work when it is made."""

    def __init__(self, work: Callable[[], None]) -> None:
        work()

    def join(self, timeout_s: float) -> bool:
        return True


class Pusher:
    """Keeps what is pushed; `on_close` comes when there was no more to push."""

    def __init__(self) -> None:
        self.pushed: list[Profile] = []
        self.on_close: list[Callable[[], None]] = []

    def push(self, profile: Profile, *, timeout_s: float) -> None:
        self.pushed.append(profile)

    def close(self) -> None:
        for call in self.on_close[:1]:
            del self.on_close[0]
            call()


@pytest.fixture
def pusher(monkeypatch: pytest.MonkeyPatch) -> Pusher:
    made = Pusher()
    monkeypatch.setattr(upload, "_make_pusher", lambda config: made)
    monkeypatch.setattr(upload._core, "OwnThread", AtOnce)
    return made


def test_a_window_that_comes_as_the_thread_ends_is_pushed(pusher: Pusher) -> None:
    uploader = Uploader(Config("shop"))
    pusher.on_close.append(lambda: uploader.submit(PROFILES[1]))
    uploader.submit(PROFILES[0])
    assert pusher.pushed == PROFILES[:2]
    assert uploader.wait_until_idle(time.monotonic())
    uploader.submit(PROFILES[2])
    assert pusher.pushed == PROFILES


def test_without_a_thread_windows_are_pushed_at_the_end(
    pusher: Pusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(work: Callable[[], None]) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(upload._core, "OwnThread", no_thread)
    uploader = Uploader(Config("shop"))
    for profile in PROFILES:
        uploader.submit(profile)
    assert not uploader.wait_until_idle(time.monotonic())
    uploader.finish(1.0)
    assert pusher.pushed == PROFILES
    assert uploader.wait_until_idle(time.monotonic())


def test_nobody_is_idle_while_a_window_is_pushed(
    pusher: Pusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle: list[bool] = []
    uploader = Uploader(Config("shop"))

    def push(profile: Profile, *, timeout_s: float) -> None:
        idle.append(uploader.wait_until_idle(time.monotonic()))

    monkeypatch.setattr(pusher, "push", push)
    uploader.submit(PROFILES[0])
    assert idle == [False]
    assert uploader.wait_until_idle(time.monotonic())
