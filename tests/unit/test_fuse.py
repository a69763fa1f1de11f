# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""When the fuse has blown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pyroscope_native import _core
from pyroscope_native import fuse as module
from pyroscope_native.fuse import Fuse


def leave_marker(directory: Path, application: str, *, inside: bool) -> None:
    """As a process does that dies."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    start = module._process_start(child.pid)
    child.communicate(b"\n")
    fuse = Fuse(application, str(directory))
    text = f"{child.pid} {start} {module._pid_namespace()} {fuse._deaths_path}".encode()
    marks = bytearray(_core.FUSE_BYTES - _core.FUSE_TEXT_BYTES)
    marks[7] = inside
    path = Path(fuse._path(f"{child.pid}-0.marker"))
    path.write_bytes(text.ljust(_core.FUSE_TEXT_BYTES, b"\0") + marks)


def test_a_death_inside_blows_it_until_it_is_reset(tmp_path: Path) -> None:
    fuse = Fuse("shop", str(tmp_path))
    assert fuse.blown() is None
    leave_marker(tmp_path, "shop", inside=True)
    said = fuse.blown()
    assert said is not None
    assert "died inside the profiler" in said
    assert fuse.blown() is not None
    assert Fuse("other", str(tmp_path)).blown() is None
    assert fuse.reset()
    assert not fuse.reset()
    assert fuse.blown() is None
    assert os.listdir(tmp_path) == []


def test_deaths_elsewhere_do_not(tmp_path: Path) -> None:
    for _ in range(3):
        leave_marker(tmp_path, "shop", inside=False)
    assert Fuse("shop", str(tmp_path)).blown() is None


def test_chance_does_not(tmp_path: Path) -> None:
    """One in twenty is what processes that are killed come to, at the very worst."""
    for number in range(20):
        leave_marker(tmp_path, "shop", inside=number == 15)
        Fuse("other", str(tmp_path)).blown()
    assert Fuse("shop", str(tmp_path)).blown() is None
    leave_marker(tmp_path, "shop", inside=True)
    leave_marker(tmp_path, "shop", inside=True)
    assert Fuse("shop", str(tmp_path)).blown() is not None


def test_it_is_forgotten_after_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_marker(tmp_path, "shop", inside=True)
    fuse = Fuse("shop", str(tmp_path))
    assert fuse.blown() is not None
    now_s = module.time.time()
    monkeypatch.setattr(module.time, "time", lambda: now_s + 25 * 3600)
    assert fuse.blown() is None


def test_another_version_starts_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_marker(tmp_path, "shop", inside=True)
    assert Fuse("shop", str(tmp_path)).blown() is not None
    monkeypatch.setattr(module, "VERSION", "another")
    assert Fuse("shop", str(tmp_path)).blown() is None


def test_living_processes_are_let_be(tmp_path: Path) -> None:
    fuse = Fuse("shop", str(tmp_path))
    text = f"{os.getpid()} {module._process_start(os.getpid())} {module._pid_namespace()} x"
    path = Path(fuse._path("1.marker"))
    path.write_bytes(text.encode().ljust(_core.FUSE_BYTES, b"\1"))
    assert fuse.blown() is None
    assert path.exists()


@pytest.mark.parametrize(
    "content", [b"", b"junk", b"\xff" * 5000, b"1 2 3 /etc/passwd", b"x y z a"]
)
def test_what_is_no_marker_does_no_harm(content: bytes, tmp_path: Path) -> None:
    fuse = Fuse("shop", str(tmp_path))
    Path(fuse._path("1.marker")).write_bytes(content)
    Path(fuse._deaths_path).write_bytes(content)
    assert fuse.blown() is None


def test_without_the_directory_there_is_none(tmp_path: Path) -> None:
    fuse = Fuse("shop", str(tmp_path / "none"))
    assert fuse.blown() is None
    fuse.arm()
    fuse.disarm()
