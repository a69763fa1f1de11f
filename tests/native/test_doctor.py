# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What `doctor` finds."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.support.push_server import Answer, PushServer
from tests.support.python import python


def findings(
    *words: str, prefix: tuple[str, ...] = (), env: dict[str, str] | None = None
) -> tuple[int, dict[str, dict[str, str]]]:
    """Its exit status, and what it found by subject."""
    done = python("-m", "pyroscope_native", "doctor", "--json", *words, prefix=prefix, env=env)
    assert done.stderr == ""
    return done.returncode, {found["subject"]: found for found in json.loads(done.stdout)}


def test_all_is_well() -> None:
    status, found = findings()
    assert status == 0
    assert {one["status"] for one in found.values()} <= {"ok", "note"}
    assert "this one is used" in found["thread clock"]["words"]
    assert "ticks" in found["process clock"]["words"]
    done = python("-m", "pyroscope_native", "doctor")
    assert done.returncode == 0
    assert done.stdout.endswith("\nall is well\n")


def test_no_timers() -> None:
    status, found = findings(prefix=("bash", "-c", 'ulimit -i 0; exec "$@"', "bash"))
    assert status == 0
    assert found["thread clock"]["status"] == "note"
    assert "this one is used" in found["process clock"]["words"]
    assert "ulimit -i" in found["timers"]["remedy"]


def test_a_blocked_signal(tmp_path: Path) -> None:
    (tmp_path / "blocked.py").write_text(
        "import os, signal, sys\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGPROF])\n"
        "os.execv(sys.argv[1], sys.argv[1:])\n"
    )
    status, found = findings(prefix=(sys.executable, str(tmp_path / "blocked.py")))
    assert status == 1
    assert found["SIGPROF"]["status"] == "problem"
    assert "no tick came" in found["thread clock"]["words"]


def test_a_server_that_takes_profiles() -> None:
    with PushServer() as server:
        status, found = findings("--server-address", server.address)
        assert status == 0
        assert found["server"]["words"] == f"{server.address} takes profiles"
        assert not server.pushes


def test_a_server_that_wants_to_know_who_asks() -> None:
    with PushServer(multitenancy=True) as server:
        status, found = findings("--server-address", server.address)
        assert (status, found["server"]["status"]) == (1, "problem")
        status, found = findings("--server-address", server.address,
                                 env={"PYROSCOPE_TENANT_ID": "team"})  # fmt: skip
        assert (status, found["server"]["status"]) == (0, "ok")


def test_servers_that_do_not() -> None:
    with PushServer() as server:
        status, found = findings("--server-address", f"{server.address}/elsewhere")
        assert (status, found["server"]["status"]) == (1, "problem")
        assert "404" in found["server"]["words"]
        server.answers.append(Answer(status=401, body=b"who are you?"))
        _, found = findings(env={"PYROSCOPE_SERVER_ADDRESS": server.address})
        assert "401, who are you?" in found["server"]["words"]
    status, found = findings("--server-address", "http://127.0.0.1:1")
    assert status == 1
    assert "Connection refused" in found["server"]["words"]


def test_a_password_is_not_shown() -> None:
    _, found = findings("--server-address", "http://user:sesame@127.0.0.1:1")
    assert "sesame" not in json.dumps(found)


def test_usage() -> None:
    done = python("-m", "pyroscope_native", "doctor", "--reset-fuse")
    assert done.returncode == 2
    assert "--application-name" in done.stderr
    done = python("-m", "pyroscope_native", "doctor", "--server-address", "nonsense")
    assert done.returncode == 2
