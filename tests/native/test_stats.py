# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What `stats()` tells, and the budget that is kept by it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.profiled import BURN
from tests.support.push_server import PushServer
from tests.support.python import python


def told(code: str, directory: Path, **settings: object) -> Any:
    """What a program of `code` prints as JSON, while it is profiled for a server."""
    with PushServer() as server:
        arguments = {"application_name": "told", "server_address": server.address, **settings}
        script = BURN + f"import json, pyroscope_native\nsettings = {arguments!r}\n" + code
        (directory / "told.py").write_text(script)
        done = python("told.py", cwd=directory)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_nothing_before_the_first_session(tmp_path: Path) -> None:
    assert told("print(json.dumps(pyroscope_native.stats()))", tmp_path) is None


@pytest.mark.parametrize("clock", ["thread", "process"])
def test_a_snapshot(clock: str, tmp_path: Path) -> None:
    during, after = told(
        """
pyroscope_native.configure(**settings)
burn(1.0)
during = pyroscope_native.stats()
pyroscope_native.shutdown()
print(json.dumps([{**stats._asdict(), "overhead": stats.overhead, "lost_ns": stats.lost_ns,
                   "windows_pushed": stats.windows_pushed,
                   "windows_not_pushed": stats.windows_not_pushed}
                  for stats in (during, pyroscope_native.stats())]))
""",
        tmp_path,
        clock=clock,
    )
    assert during["running"]
    assert not after["running"]
    for stats in (during, after):
        assert stats["clock"] == clock
        assert stats["rate_hz"] == stats["current_rate_hz"] == 100
        assert stats["samples"] > 50
        assert abs(stats["seen_ns"] - (stats["kernel_ns"] - stats["own_ns"])) < 40e6
        assert 0 < stats["handler_p50_ns"] <= stats["handler_p99_ns"] <= stats["handler_max_ns"]
        assert 0 < stats["overhead"] < 0.2
        assert stats["lost_ns"] == stats["torn"] == stats["truncated_ns"] == 0
    assert 0 < after["ring_peak"] < 1
    assert 0 < after["drain_max_ns"] <= after["drain_ns"] < after["own_ns"]
    assert after["windows_pushed"] == 1
    assert after["windows_not_pushed"] == 0


def test_what_is_truncated_is_counted(tmp_path: Path) -> None:
    stats = told(
        """
import sys
sys.setrecursionlimit(5000)
def recurse(n):
    if n: recurse(n - 1)
    else: burn(0.5)
pyroscope_native.configure(**settings)
recurse(1100)
pyroscope_native.shutdown()
print(json.dumps(pyroscope_native.stats()._asdict()))
""",
        tmp_path,
    )
    assert 0.4e9 < stats["truncated_ns"] <= stats["seen_ns"]


@pytest.mark.parametrize("clock", ["thread", "process"])
def test_over_the_budget_the_rate_goes_down_and_recovers(clock: str, tmp_path: Path) -> None:
    costly, cheap, seen_ns, kernel_ns = told(
        f"""
import sys
from pyroscope_native import process
from pyroscope_native.config import Config
from pyroscope_native.session import Session
sys.setrecursionlimit(5000)
def recurse(n):
    if n: recurse(n - 1)
    else: burn(5)
session = Session(Config("told", outputs=("/none.pb.gz",), rate_hz=1000, clock={clock!r},
                         upload_interval_s=1, overhead_budget=0.005))
process.begin(session, lambda: None)
recurse(900)
costly = session.stats().current_rate_hz
cheap = costly
for _ in range(30):
    if cheap > costly: break
    burn(1)
    cheap = session.stats().current_rate_hz
session.stop()
stats = session.stats()
print(json.dumps([costly, cheap, stats.seen_ns, stats.kernel_ns - stats.own_ns]))
""",
        tmp_path,
    )
    assert costly < 250
    assert cheap > costly
    assert abs(seen_ns / kernel_ns - 1) < 0.02
