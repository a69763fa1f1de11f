# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""uvicorn under load, by itself and with workers that are spawned."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.support.push_server import PushServer
from tests.support.service import RUN, assert_all_is_seen, service

pytest.importorskip("uvicorn")

REQUESTS = 80


@pytest.mark.parametrize("workers", ["1", "2"])
def test_to_the_last_window(workers: str, tmp_path: Path) -> None:
    with PushServer() as server:
        words = [*RUN, "--server-address", server.address, "-m", "uvicorn", "--port", "PORT",
                 "--workers", workers, "app:asgi"]  # fmt: skip
        with service(words, tmp_path) as uvicorn:
            uvicorn.load(REQUESTS)
            # A single process ends by the signal that it has handled; older ones did not.
            assert uvicorn.end() in (0, -signal.SIGTERM)
        assert_all_is_seen(uvicorn, server, REQUESTS)
