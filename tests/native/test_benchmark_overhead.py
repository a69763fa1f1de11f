# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A brief program is measured from end to end."""

from __future__ import annotations

import pytest

from benchmarks import overhead, runner
from benchmarks.figures import Figure
from benchmarks.plan import Plan
from benchmarks.profilers import NONE, OURS, Recording
from benchmarks.runner import ProgramFailed

METRICS = {
    "program",
    "tree",
    "wall",
    "helpers",
    "counted",
    "sample",
    "delivered rate",
    "delivery",
    "upload",
}


def test_overhead_of_a_brief_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overhead, "QUICK", {100: ("brief",)})
    refused: dict[str, str] = {}
    plan = Plan((OURS,), 1, True, refused.__setitem__, lambda _: None)
    found: dict[str, Figure] = {figure.metric: figure for figure in overhead.measure(plan)}
    assert refused == {}
    assert found.keys() == METRICS
    assert {figure.of["profiler"] for figure in found.values()} == {"pyroscope_native"}
    assert 50 < found["delivered rate"].value < 150
    assert found["sample"].value > 0
    assert found["counted"].value > found["helpers"].value
    assert found["upload"].value > 0


def test_a_program_that_hangs_is_ended_with_its_helpers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "TIMEOUT_S", 0.5)
    sleep = "[sys.executable, '-c', 'import time; time.sleep(300)']"
    words = ["-c", f"import subprocess, sys; subprocess.run({sleep})"]
    with pytest.raises(ProgramFailed, match=r"not done after 0\.5 s"):
        runner.run(NONE, Recording(100, ""), words)
