# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Runs of benchmarks, as they are kept."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import versions
from benchmarks.environments import Environment, Unavailable
from benchmarks.figures import Figure, Run
from benchmarks.plan import Plan
from benchmarks.profilers import OURS, Profiler
from tests.support.made_up_run import made_up_run
from tests.support.python import ROOT


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = made_up_run()
    run.write(tmp_path / "run.json")
    assert Run.read(tmp_path / "run.json") == run


def test_a_later_run_replaces_what_it_has_measured() -> None:
    old = [Figure("idle", "tree", 1, "s"), Figure("start", "exit", 2, "ms")]
    new = [Figure("idle", "tree", 3, "s")]
    reasons = {"idle: austin": "hung", "start: austin": "hung", "ddtrace": "no wheel"}
    first = Run({"kernel": "1", "ddtrace": "4.0"}, old, reasons)
    both = first.replaced(["idle"], Run({"kernel": "2"}, new, {"idle: py-spy": "not allowed"}))
    assert both.figures == [old[1], *new]
    assert both.machine == {"kernel": "2", "ddtrace": "4.0"}
    assert both.unavailable == {
        "start: austin": "hung",
        "ddtrace": "no wheel",
        "idle: py-spy": "not allowed",
    }


def test_the_command_keeps_what_a_benchmark_yields(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Idle:
        @staticmethod
        def measure(plan: Plan) -> Iterator[Figure]:
            plan.unavailable("idle: austin", f"{ROOT}/build/austin: no such file")
            yield Figure("idle", "tree", plan.rounds, "s")

    output = tmp_path / "run.json"
    other = Figure("start", "exit", 2, "ms")
    Run({}, [Figure("idle", "tree", 1, "s"), other], {}).write(output)
    monkeypatch.setitem(sys.modules, "benchmarks.idle", Idle)
    monkeypatch.setattr("sys.argv", ["b", "idle", "--rounds", "3", "--output", str(output)])
    assert command.main() == 0
    run = Run.read(output)
    assert run.figures == [other, Figure("idle", "tree", 3, "s")]
    assert run.unavailable == {"idle: austin": "build/austin: no such file"}
    assert run.machine["kernel"]


def test_versions_are_those_that_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def environment(profiler: Profiler) -> Environment:
        if profiler.name == "lost":
            raise Unavailable("no wheel")
        return Environment(Path(sys.executable), version="3.15.2 (built)")

    monkeypatch.setattr(versions, "environment", environment)
    peers = [
        OURS,
        Profiler("a peer", "none", ("pytest==1.*", "pip")),
        Profiler("a part of Python", "none", python="3.15"),
        Profiler("lost", "none", ("nothing==1.*",)),
    ]
    assert versions.versions(peers) == {
        "a peer": version("pytest"),
        "a part of Python": "Python 3.15.2",
    }
