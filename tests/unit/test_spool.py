# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A folder that processes share, and in which some of them die."""

from __future__ import annotations

import gzip
import os
import stat
from pathlib import Path

import pytest

from pyroscope_native.deliver.spool import Spool

OURS, THEIRS = "0" * 16, "f" * 16
LARGE = 10**9


def body(text: str) -> bytes:
    return gzip.compress(text.encode())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "var" / "spool"


def spool(folder: Path, limit_bytes: int = LARGE, destination: str = OURS) -> Spool:
    return Spool(str(folder), limit_bytes, destination)


def texts(spool: Spool) -> list[str]:
    """What it has to send, in order."""
    bodies = [spool.read(waiting) for waiting in spool.waiting()]
    return [gzip.decompress(each).decode() for each in bodies if each is not None]


def kill(spool: Spool) -> None:
    """The kernel lets go of the lock, and that is all that happens."""
    spool.abandon()


def test_what_was_put_is_there_in_order_of_time(folder: Path) -> None:
    ours = spool(folder)
    for time_ns in (20, 10, 30):
        ours.put(time_ns, body(str(time_ns)))
    ours.put(10, body("10 again"))
    assert texts(ours) == ["10", "10 again", "20", "30"]
    assert len(ours) == 4
    ours.remove(ours.waiting()[0])
    assert texts(ours) == ["10 again", "20", "30"]


def test_nobody_else_may_look_into_it(folder: Path) -> None:
    before = os.umask(0)
    try:
        spool(folder).put(1, body("x"))
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_what_a_living_process_has_is_left_to_it(folder: Path) -> None:
    living, other = spool(folder), spool(folder)
    living.put(1, body("x"))
    assert texts(other) == []
    assert texts(living) == ["x"]


def test_what_a_dead_process_has_left_is_taken_over_by_one(folder: Path) -> None:
    dead, first, second = spool(folder), spool(folder), spool(folder)
    dead.put(2, body("two"))
    dead.put(1, body("one"))
    kill(dead)
    first.put(3, body("three"))
    assert texts(first) == ["one", "two", "three"]
    assert texts(second) == []
    assert (first.found, second.found) == (2, 0)
    assert len(list(folder.glob("*.lock"))) == 2


def test_who_takes_over_may_die_too(folder: Path) -> None:
    dead = spool(folder)
    dead.put(1, body("x"))
    kill(dead)
    heir = spool(folder)
    assert texts(heir) == ["x"]
    kill(heir)
    assert texts(spool(folder)) == ["x"]


def test_a_lock_that_somebody_has_removed_is_not_missed(folder: Path) -> None:
    dead = spool(folder)
    dead.put(1, body("x"))
    kill(dead)
    for lock in folder.glob("*.lock"):
        lock.unlink()
    assert texts(spool(folder)) == ["x"]


def test_a_program_that_closes_all_descriptors_is_not_hurt(folder: Path) -> None:
    ours = spool(folder)
    ours.put(1, body("x"))
    assert ours._lock is not None
    descriptor = ours._lock._descriptor
    os.close(descriptor)
    null = os.open(os.devnull, os.O_RDONLY)
    other = os.dup2(null, descriptor)
    os.close(null)
    assert texts(ours) == ["x"]
    assert texts(spool(folder)) == []
    ours.close()
    os.close(other)  # it is open
    assert texts(spool(folder)) == ["x"]


def test_what_is_for_another_server_is_left_alone(folder: Path) -> None:
    dead = spool(folder, destination=THEIRS)
    dead.put(1, body("x"))
    kill(dead)
    assert texts(spool(folder)) == []
    assert texts(spool(folder, destination=THEIRS)) == ["x"]


def test_an_end_leaves_nothing_but_what_waits(folder: Path) -> None:
    idle = spool(folder)
    idle.close()
    assert list(folder.iterdir()) == []
    busy = spool(folder)
    busy.put(1, body("x"))
    busy.close()
    assert texts(spool(folder)) == ["x"]


def test_traces_of_the_dead_are_cleared_away(folder: Path) -> None:
    dead = spool(folder)
    (folder / f"{dead._owner}.draft").write_bytes(b"half a wind")
    kill(dead)
    ours = spool(folder)
    assert texts(ours) == []
    assert [path.name for path in folder.iterdir()] == [f"{ours._owner}.lock"]


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        body("x")[:-1],
        body("x")[:12],
        b"\0" * 30,
        bytes([*body("xyz")[:-9], 0, *body("x")[-8:]]),
    ],
    ids=["empty", "short", "shorter", "zeros", "changed"],
)
def test_what_is_damaged_is_set_aside(folder: Path, damaged: bytes) -> None:
    dead = spool(folder)
    dead.put(1, body("x"))
    dead.put(2, body("y"))
    kill(dead)
    sorted(folder.glob("*.gz"))[0].write_bytes(damaged)
    ours = spool(folder)
    assert texts(ours) == ["y"]
    assert (ours.damaged, len(ours)) == (1, 1)
    assert len(list(folder.glob("*.corrupt"))) == 1
    assert texts(ours) == ["y"]


def test_the_oldest_goes_first_whoever_has_it(folder: Path) -> None:
    size = len(body("0"))
    first, second = spool(folder, 3 * size), spool(folder, 3 * size)
    first.put(1, body("1"))
    second.put(2, body("2"))
    first.put(3, body("3"))
    second.put(4, body("4"))
    assert texts(first) == ["3"]
    assert (first.crowded_out, second.crowded_out) == (1, 0)
    first.put(5, body("5"))
    assert texts(second) == ["4"]
    assert (len(first), len(second), second.crowded_out) == (2, 1, 1)


def test_what_is_larger_than_all_the_room_is_not_put(folder: Path) -> None:
    small = spool(folder, 100)
    small.put(1, body("x"))
    with pytest.raises(OSError, match="too large"):
        small.put(2, os.urandom(101))
    assert texts(small) == ["x"]


def test_what_has_gone_meanwhile_is_counted(folder: Path) -> None:
    ours = spool(folder)
    waiting = ours.put(1, body("x"))
    next(folder.glob("*.gz")).unlink()
    assert ours.read(waiting) is None
    ours.remove(waiting)
    assert (len(ours), ours.crowded_out) == (0, 1)


def test_other_files_are_let_be(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in ("notes.txt", "1-2-3.gz", "00000000000000000001.gz"):
        (folder / name).write_text("mine")
    ours = spool(folder, 100)
    ours.put(1, os.urandom(90))
    ours.put(2, os.urandom(90))
    assert (folder / "notes.txt").exists()
    assert [waiting.time_ns for waiting in ours.waiting()] == [2]


def test_a_folder_that_has_gone_is_no_reason_to_fail(folder: Path) -> None:
    ours = spool(folder)
    ours.put(1, body("x"))
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert ours.waiting() == []
    with pytest.raises(OSError, match="No such"):
        ours.put(2, body("y"))
    ours.close()


def test_a_folder_that_can_not_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="exists"):
        spool(tmp_path / "file")
