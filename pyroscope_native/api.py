# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Profiling from code: configure, shutdown, profile."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from pyroscope_native import config as settings
from pyroscope_native.config import Config
from pyroscope_native.figures import Stats
from pyroscope_native.log import warn_once
from pyroscope_native.support import reason_unsupported


def configure(
    *,
    application_name: str | None = None,
    server_address: str | None = None,
    sample_rate: int = 100,
    upload_interval: float = 15,
    tags: Mapping[str, str] | None = None,
    basic_auth_username: str = "",
    basic_auth_password: str = "",
    tenant_id: str = "",
    http_headers: Mapping[str, str] | None = None,
    report_thread_name: bool = False,
    clock: str | None = None,
    overhead_budget: float = 1.0,
) -> bool:
    """Profile this process from now on and push to a Pyroscope server.

    application_name: `service_name` of the profiles; else
        `PYROSCOPE_APPLICATION_NAME`, else the name of the program.
    server_address: base URL of Pyroscope or of Alloy's receiver; else
        `PYROSCOPE_SERVER_ADDRESS`, else http://localhost:4040.
    sample_rate: samples per CPU second and thread, 1 to 10000.
    upload_interval: seconds between uploads, 1 to 3600.
    tags: labels of all profiles.
    basic_auth_username, basic_auth_password: sent if both are given.
    tenant_id: sent as `X-Scope-OrgID`.
    http_headers: sent with each upload.
    report_thread_name: label samples with `thread_name`; a series for each.
    clock: "thread" or "process"; else the best that can be had.
    overhead_budget: per cent of the process's CPU time that profiling may take;
        above it the rate goes down until it takes less.

    Returns whether profiling has begun: False if it runs already, or can't
    here, which is logged once. Raises ConfigError for a setting that cannot be.
    """
    checked_tags = dict(tags or {})
    for name, value in checked_tags.items():
        settings.check_tag(name, value)
    chosen = Config(
        application_name=application_name
        or settings.application_name_from_environment()
        or program_name(),
        server_address=settings.parse_server_address(
            server_address
            or settings.server_address_from_environment()
            or settings.DEFAULT_SERVER_ADDRESS
        ),
        rate_hz=settings.parse_rate(sample_rate),
        clock=settings.parse_clock(clock) if clock is not None else None,
        tags=checked_tags,
        upload_interval_s=settings.parse_interval(upload_interval),
        basic_auth=(basic_auth_username, basic_auth_password)
        if basic_auth_username and basic_auth_password
        else None,
        tenant_id=tenant_id,
        http_headers=dict(http_headers or {}),
        thread_names=report_thread_name,
        overhead_budget=settings.parse_budget(overhead_budget),
        fuse=settings.fuse_from_environment(),
    )
    return _begin(chosen)


def _begin(chosen: Config) -> bool:
    reason = reason_unsupported()
    if reason is not None:
        warn_once("unsupported", f"nothing is profiled: {reason}")
        return False
    from pyroscope_native import process
    from pyroscope_native.session import Session, StartError

    session = Session(chosen)

    def finish() -> None:
        session.stop()
        if chosen.outputs:
            from pyroscope_native.deliver.file import write_outputs

            write_outputs(session.whole_profile(), chosen.outputs, chosen.application_name)

    try:
        process.begin(session, finish)
    except process.AlreadyRunning:
        warn_once("running", "profiling is under way already: shutdown() ends it")
        return False
    except StartError as error:
        warn_once("start", f"nothing is profiled: {error}")
        return False
    return True


def shutdown() -> bool:
    """End profiling and deliver what is left. False if there was none."""
    if reason_unsupported() is not None:
        return False
    from pyroscope_native import process

    if process.current() is None:
        return False
    process.end()
    return True


def stats() -> Stats | None:
    """The figures of the session that runs, or of the last one in this process; None
    before the first."""
    if reason_unsupported() is not None:
        return None
    from pyroscope_native import process

    return process.stats()


class profile:
    """Profile a block to files, whose suffixes choose the formats.

    `.pb.gz`, `.html`, `.collapsed` or `.speedscope.json`. Raises ConfigError
    for a setting that cannot be.
    """

    def __init__(self, *outputs: str, sample_rate: int = 100, clock: str | None = None) -> None:
        from pyroscope_native.deliver.file import check_output

        for path in outputs:
            check_output(path)
        self._config = Config(
            application_name=program_name(),
            outputs=tuple(os.path.abspath(path) for path in outputs),
            rate_hz=settings.parse_rate(sample_rate),
            clock=settings.parse_clock(clock) if clock is not None else None,
            fuse=settings.fuse_from_environment(),
        )
        self._begun = False

    def __enter__(self) -> None:
        self._begun = _begin(self._config)

    def __exit__(self, *_: object) -> None:
        if self._begun:
            shutdown()


def program_name() -> str:
    """A service name from the program that runs."""
    name = os.path.splitext(os.path.basename(sys.argv[0] if sys.argv else ""))[0]
    if name == "__main__":
        name = os.path.basename(os.path.dirname(os.path.abspath(sys.argv[0])))
    return name if name not in ("", "-", "-c", "-m") else "python"
