# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""uWSGI, which embeds Python and forks without telling it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.support.push_server import PushServer
from tests.support.service import Service, assert_all_is_seen, service

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
        assert uwsgi.end() == 0
    return uwsgi


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
        assert_all_is_seen(uwsgi, server, REQUESTS)


def test_threads_that_block_signals_are_counted(tmp_path: Path) -> None:
    with PushServer() as server:
        uwsgi = served(server, tmp_path, "", "--lazy-apps", "--threads", "2")
        assert sum(uwsgi.answers.values()) == REQUESTS
        assert "threads block SIGPROF" in uwsgi.log
        names = {
            frame.name
            for push in server.pushes
            for sample in push.profile.samples
            for frame in sample.stack
        }
    assert {"work", "[unseen threads]"} <= names
