# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""One run of a brief program, measured as benchmarks do."""

from __future__ import annotations

from benchmarks.profilers import NONE, OURS
from benchmarks.runner import run_delivered
from benchmarks.workloads.brief import SECONDS


def test_a_run_is_measured_from_end_to_end() -> None:
    base, uploads = run_delivered(NONE, "brief", 100, 60)
    assert uploads == []
    assert base.samples == 0
    took, uploads = run_delivered(OURS, "brief", 100, 60)
    assert len(uploads) == 1
    assert took.program >= SECONDS * 1e9
    assert 0.5 < took.samples / (SECONDS * 100) < 1.5
    assert took.sample_ns > 0
