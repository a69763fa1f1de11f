# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""`run` obeys the environment and files, and says what of them cannot be."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.push_server import PushServer
from tests.support.python import python, run

with_toml = pytest.mark.skipif(sys.version_info < (3, 11), reason="no TOML parser of its own")
BURN = "import time\nwhile time.process_time() < 0.3: pass"


def test_the_environment_says_all(tmp_path: Path) -> None:
    with PushServer() as server:
        done = run("-c", BURN, cwd=tmp_path, env={
            "PYROSCOPE_SERVER_ADDRESS": "http://127.0.0.1:1",
            "PYROSCOPE_ADHOC_SERVER_ADDRESS": server.address,
            "OTEL_SERVICE_NAME": "shop",
            "OTEL_RESOURCE_ATTRIBUTES": "service.version=1.2",
            "PYROSCOPE_LABELS": "env=prod",
            "PYROSCOPE_TENANT_ID": "team",
            "PYROSCOPE_HTTP_HEADERS": '{"X-Extra": "1"}',
            "PYROSCOPE_BASIC_AUTH_USER": "user",
            "PYROSCOPE_BASIC_AUTH_PASSWORD": "password",
            "PYROSCOPE_SAMPLE_RATE": "50",
            "PYROSCOPE_REPORT_PID": "yes",
        })  # fmt: skip
        assert done.returncode == 0
        (push,) = server.pushes
    assert push.labels["service_name"] == "shop"
    assert push.labels["service_version"] == "1.2"
    assert push.labels["env"] == "prod"
    assert push.headers["x-scope-orgid"] == "team"
    assert push.headers["x-extra"] == "1"
    assert push.headers["authorization"].startswith("Basic ")
    assert push.profile.period == 20_000_000
    assert "at 50 Hz" in done.stderr
    assert list(tmp_path.iterdir()) == []


@with_toml
def test_the_directorys_project_file_says_all_but_what_is_stronger(tmp_path: Path) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text(
        "[tool.pyroscope-native]\nsample-rate = 50\noutput = 'p.collapsed'\nclock = 'process'\n"
    )
    done = run("--rate", "25", "-c", BURN, cwd=tmp_path, env={"PYROSCOPE_CLOCK": "thread"})
    assert done.returncode == 0
    assert "at 25 Hz" in done.stderr
    assert "process clock" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.collapsed", "pyproject.toml"]
    other = tmp_path / "other.toml"
    other.write_text("quiet = true\n")
    done = run("--config", "other.toml", "-o", "o.pb.gz", "-c", BURN, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    done = run("--no-quiet", "-o", "o.pb.gz", "-c", BURN, cwd=tmp_path,
               env={"PYROSCOPE_CONFIGURATION_FILE": "other.toml"})  # fmt: skip
    assert "at 100 Hz" in done.stderr


@with_toml
def test_faults_outside_end_it_with_their_source(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.pyroscope-native]\nsampel-rate = 50\n")
    done = run("-c", "print(1)", cwd=tmp_path)
    words = "pyproject.toml: there is no setting sampel-rate: is sample-rate meant?"
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"pyroscope-native run: {words}\n"
    done = run("-c", "print(1)", env={"PYROSCOPE_UPLOAD_INTERVAL": "0"})
    words = "PYROSCOPE_UPLOAD_INTERVAL: upload interval must be 1 to 3600 seconds, not 0"
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"pyroscope-native run: {words}\n"


def test_disabled_the_program_runs_alone(tmp_path: Path) -> None:
    code = "import sys; print('pyroscope_native' in sys.modules)"
    done = run("-c", code, cwd=tmp_path, env={"PYROSCOPE_AGENT_ENABLED": "false"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "False\n", "")
    assert list(tmp_path.iterdir()) == []


def test_what_is_misspelt_is_said(tmp_path: Path) -> None:
    env = {"PYROSCOPE_SERVER_ADRESS": "http://secret"}
    done = run("--quiet", "-c", "1", cwd=tmp_path, env=env)
    words = "PYROSCOPE_SERVER_ADRESS is no setting: is PYROSCOPE_SERVER_ADDRESS meant?"
    assert (done.returncode, done.stderr) == (0, f"pyroscope_native: {words}\n")


def test_configure_goes_on_without_what_cannot_be(tmp_path: Path) -> None:
    code = (
        "import pyroscope_native as p\n"
        "print(p.configure(application_name='shop'), p.shutdown())"
    )  # fmt: skip
    with PushServer() as server:
        done = python("-c", code, cwd=tmp_path, env={
            "PYROSCOPE_SERVER_ADDRESS": server.address,
            "PYROSCOPE_UPLOAD_INTERVAL": "often",
            "PYROSCOPE_LOG_LEVEL": "info",
        })  # fmt: skip
    assert done.stdout == "True True\n"
    assert done.stderr.count("PYROSCOPE_UPLOAD_INTERVAL: upload interval must be") == 1
    assert f"profiling has begun: shop to {server.address}" in done.stderr
    assert "Traceback (most recent" not in done.stderr
