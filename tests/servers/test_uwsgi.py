# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""uWSGI, which embeds Python and forks without telling it."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import pytest

from tests.support.push_server import PushServer
from tests.support.service import WORK_S, Service, service, work_s

UWSGI = shutil.which("uwsgi", path=str(Path(sys.executable).parent))

pytestmark = pytest.mark.skipif(UWSGI is None, reason="no uWSGI")

REQUESTS = 80
CONFIGURE = """
import os, pyroscope_native
from app import wsgi
def configure():
    assert pyroscope_native.configure("shop", server_address=os.environ["ADDRESS"],
                                      upload_interval=1)
configure()
"""
POSTFORK = "import uwsgidecorators; uwsgidecorators.postfork(configure)\n"


def served(server: PushServer, directory: Path, text: str, *options: str) -> Service:
    (directory / "configured.py").write_text(CONFIGURE + text)
    words = [UWSGI or "", "--http-socket", "127.0.0.1:PORT", "--master", "--die-on-term",
             "--processes", "2", "--home", sys.prefix, "--wsgi-file", "configured.py",
             "--callable", "wsgi", "--need-app", *options]  # fmt: skip
    with service(words, directory, {"ADDRESS": server.address}) as uwsgi:
        uwsgi.load(REQUESTS)
        # Workers may be gone before their last window is. And where threads are not
        # enabled, ours has the GIL only while there are requests.
        until_s = time.monotonic() + 30
        while cpu_s(server) < REQUESTS * WORK_S and time.monotonic() < until_s:
            uwsgi.load(4)
        assert uwsgi.end() == 0
    assert all(pid.isdecimal() for pid in uwsgi.answers), uwsgi.answers
    assert cpu_s(server) >= REQUESTS * WORK_S
    assert work_s(server) <= sum(uwsgi.answers.values()) * WORK_S * 1.1
    assert server.faults == []
    return uwsgi


def cpu_s(server: PushServer) -> float:
    """All that was pushed, in seconds."""
    return sum(sample.values[0] / 1e9 for push in server.pushes for sample in push.profile.samples)


@pytest.mark.parametrize("threads", [(), ("--enable-threads",)])
@pytest.mark.parametrize(
    ("text", "options"),
    [("", ("--lazy-apps",)), ("", ("--py-call-osafterfork",)), (POSTFORK, ())],
)
def test_each_worker(
    text: str, options: tuple[str, ...], threads: tuple[str, ...], tmp_path: Path
) -> None:
    with PushServer() as server:
        uwsgi = served(server, tmp_path, text, *options, *threads)
        assert work_s(server) > 0.9 * REQUESTS * WORK_S
        assert "pyroscope_native" not in uwsgi.log, uwsgi.log


def test_threads_that_block_signals_are_counted(tmp_path: Path) -> None:
    with PushServer() as server:
        uwsgi = served(server, tmp_path, "", "--lazy-apps", "--threads", "2")
        assert "threads block SIGPROF" in uwsgi.log
        names = {
            frame.name
            for push in server.pushes
            for sample in push.profile.samples
            for frame in sample.stack
        }
    assert {"work", "[unseen threads]"} <= names
