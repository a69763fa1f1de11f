# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Services as benchmarks measure them, under a small load."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.profilers import NONE, OURS, Recording
from benchmarks.runner import ProgramFailed
from benchmarks.server import serving
from benchmarks.services import shop
from tests.support import pprof_reader


@pytest.mark.parametrize(("service", "package"), [("wsgi", "waitress"), ("asgi", "uvicorn")])
def test_requests_are_answered_profiled_and_labelled(
    service: str, package: str, tmp_path: Path
) -> None:
    pytest.importorskip(package)
    with serving(OURS, service, Recording(1000, str(tmp_path))) as server:
        met = server.load(230, 1)  # out of step with the kernel's tick
        cpu_ns = server.cpu_ns()
    assert len(met.latencies) == 230
    assert min(met.latencies) > shop.WAIT_S * 1e9
    assert cpu_ns > 0
    profile = pprof_reader.check((tmp_path / "profile.pb.gz").read_bytes())
    answering = [s for s in profile.samples if any(frame.name == "answer" for frame in s.stack)]
    endpoints = {dict(sample.labels).get("endpoint") for sample in answering}
    assert endpoints
    assert endpoints <= {*shop.PATHS}


def test_a_service_that_does_not_start_says_why(tmp_path: Path) -> None:
    serving_nothing = serving(NONE, "nothing", Recording(100, str(tmp_path)))
    with pytest.raises(ProgramFailed, match="nothing"), serving_nothing:
        pytest.fail("it has started")
