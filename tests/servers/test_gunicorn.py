# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""gunicorn under load: all of its workers are profiled, and none notices."""

from __future__ import annotations

import http.client
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.push_server import PushServer
from tests.support.service import (
    RUN,
    WORK_S,
    Service,
    assert_all_is_seen,
    service,
    work_s,
)

pytest.importorskip("gunicorn")

REQUESTS = 80
GUNICORN = ("-m", "gunicorn", "--bind", "127.0.0.1:PORT", "--workers", "2")
KINDS = {
    "sync": ("app:wsgi",),
    "preload": ("--preload", "app:wsgi"),
    "threads": ("--threads", "4", "app:wsgi"),
    "gevent": ("--worker-class", "gevent", "app:wsgi"),
    "asgi": ("--worker-class", "uvicorn.workers.UvicornWorker", "app:asgi"),
    "few requests": ("--max-requests", "10", "app:wsgi"),
}
NEEDS = {"gevent": "gevent", "asgi": "uvicorn"}


def run_words(server: PushServer, *words: str) -> list[str]:
    return [*RUN, "--server-address", server.address, *GUNICORN, *words]


@pytest.mark.parametrize("kind", KINDS)
def test_workers_of_all_kinds(kind: str, tmp_path: Path) -> None:
    if kind in NEEDS:
        pytest.importorskip(NEEDS[kind])
    with PushServer() as server:
        with service(run_words(server, *KINDS[kind]), tmp_path) as gunicorn:
            gunicorn.load(REQUESTS)
            assert gunicorn.end() == 0
        assert_all_is_seen(gunicorn, server, REQUESTS)


def wait_for(gunicorn: Service, words: str, times: int) -> None:
    while gunicorn.log.count(words) < times:
        time.sleep(0.02)


def test_a_reload_under_load(tmp_path: Path) -> None:
    with PushServer() as server:
        with service(run_words(server, "app:wsgi"), tmp_path) as gunicorn:
            gunicorn.load(REQUESTS)
            gunicorn.process.send_signal(signal.SIGHUP)
            gunicorn.load(REQUESTS)
            wait_for(gunicorn, "Worker exiting", 2)
            gunicorn.load(REQUESTS)
            assert gunicorn.end() == 0
        assert len(gunicorn.answers) == 4
        assert_all_is_seen(gunicorn, server, 3 * REQUESTS)


def test_an_upgrade_under_load(tmp_path: Path) -> None:
    """Another master takes over, which the first has forked and which has come by exec."""
    with PushServer() as server:
        with service(run_words(server, "app:wsgi"), tmp_path) as gunicorn:
            gunicorn.load(REQUESTS)
            gunicorn.process.send_signal(signal.SIGUSR2)
            gunicorn.load(REQUESTS)
            wait_for(gunicorn, "Booting worker", 4)
            assert gunicorn.end() == 0
            gunicorn.load(REQUESTS)
            listening = [line for line in gunicorn.log.splitlines() if "Listening at" in line]
            os.kill(int(listening[-1].rpartition("(")[2].rstrip(")")), signal.SIGTERM)
            wait_for(gunicorn, "Shutting down: Master", 2)
        assert len(gunicorn.answers) >= 4
        until_s = time.monotonic() + 10
        while work_s(server) < 3 * REQUESTS * WORK_S * 0.99 and time.monotonic() < until_s:
            time.sleep(0.02)  # the last windows of processes that are not our children
        assert_all_is_seen(gunicorn, server, 3 * REQUESTS)


def test_a_worker_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    """With what has not been pushed of it; nothing else is touched by that."""
    (tmp_path / "stuck.py").write_text(
        "import app, time\n"
        "def wsgi(environ, start_response):\n"
        "    if environ.get('HTTP_HOST') == 'stuck': time.sleep(60)\n"
        "    return app.wsgi(environ, start_response)\n"
    )
    with PushServer() as server:
        words = run_words(server, "--timeout", "2", "stuck:wsgi")
        with service(words, tmp_path) as gunicorn:
            gunicorn.load(REQUESTS)
            connection = http.client.HTTPConnection("127.0.0.1", gunicorn.port, timeout=30)
            connection.request("GET", "/", headers={"Host": "stuck"})
            with suppress(http.client.HTTPException, OSError):
                connection.getresponse()
            assert "WORKER TIMEOUT" in gunicorn.log
            gunicorn.load(REQUESTS)
            assert gunicorn.end() == 0
        assert_all_is_seen(gunicorn, server, 2 * REQUESTS)


@pytest.mark.parametrize("options", [(), ("--preload",)])
def test_configured_by_the_application(options: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "configured.py").write_text(
        "import os, pyroscope_native\n"
        "from app import wsgi\n"
        "pyroscope_native.configure('shop', server_address=os.environ['ADDRESS'],\n"
        "                           upload_interval=1)\n"
    )
    with PushServer() as server:
        words = [sys.executable, *GUNICORN, *options, "configured:wsgi"]
        with service(words, tmp_path, {"ADDRESS": server.address}) as gunicorn:
            gunicorn.load(REQUESTS)
            assert gunicorn.end() == 0
        assert_all_is_seen(gunicorn, server, REQUESTS)
