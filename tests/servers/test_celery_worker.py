# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A Celery worker whose processes would take SIGPROF, as one signal of many."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.push_server import PushServer
from tests.support.python import ROOT
from tests.support.service import APP, RUN, WORK_S, work_s

pytest.importorskip("celery")

TASKS = 40
PROGRAM = """
import os
from celery import Celery
from app import work
os.makedirs("queue/control", exist_ok=True)
app = Celery("tasks", broker="filesystem://", backend="file://queue")
app.conf.broker_transport_options = {
    "data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "queue/control"}
@app.task
def job():
    work()
    return os.getpid()
"""
CLIENT = f"""
from tasks import job
print(len({{result.get(timeout=60) for result in [job.delay() for _ in range({TASKS})]}}))
"""


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
def test_pools(pool: str, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "tasks.py").write_text(PROGRAM)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}",
                   "PYROSCOPE_FUSE": "off"}  # fmt: skip
    with PushServer() as server, open(tmp_path / "log", "wb") as log:
        worker = subprocess.Popen(
            [*RUN, "--server-address", server.address, "-m", "celery", "-A", "tasks", "worker",
             "-c", "2", "-P", pool, "--without-gossip", "--without-mingle"],
            cwd=tmp_path, env=environment, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            done = subprocess.run(
                [sys.executable, "-c", CLIENT],
                cwd=tmp_path, env=environment, capture_output=True, text=True,
                timeout=90, check=True,
            )  # fmt: skip
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(40) == 0
        finally:
            worker.kill()
            worker.wait()
        assert done.stdout == ("2\n" if pool == "prefork" else "1\n")
        expected = TASKS * WORK_S
        assert abs(work_s(server) - expected) < 0.1 * expected + 0.05
        assert server.faults == []
        assert "pyroscope_native" not in (tmp_path / "log").read_text()
