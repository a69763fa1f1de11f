# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Profiling from code: configure, flush, shutdown, profile."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from warnings import warn

from pyroscope_native import config as settings
from pyroscope_native.choices import LineNo, ProfilerImplementation
from pyroscope_native.config import Config
from pyroscope_native.errors import ConfigError
from pyroscope_native.figures import Stats
from pyroscope_native.log import inform, show, warn_once
from pyroscope_native.support import reason_unsupported


def configure(
    app_name: str | None = None,
    application_name: str | None = None,
    server_address: str | None = None,
    basic_auth_username: str = "",
    basic_auth_password: str = "",
    enable_logging: bool = False,
    sample_rate: int = 100,
    oncpu: bool = True,
    native: bool | None = None,
    gil_only: bool = True,
    report_pid: bool = False,
    report_thread_id: bool = False,
    report_thread_name: bool = False,
    tags: Mapping[str, object] | None = None,
    tenant_id: str = "",
    http_headers: Mapping[str, str] | None = None,
    line_no: LineNo = LineNo.LastInstruction,
    upload_interval: float = 10,
    mem_enabled: bool = False,
    mem_max_nframe: int = 128,
    mem_heap_sample_size: int = 512 * 1024,
    mem_enable_mem_domain: bool = True,
    cpu_enabled: bool = True,
    cpu_implementation: ProfilerImplementation = ProfilerImplementation.PySpy,
    *,
    clock: str | None = None,
    overhead_budget: float = 1.0,
    label_value_limit: int = 1000,
    replace_label_periods: bool = False,
) -> bool:
    """Profile this process from now on and push to a Pyroscope server.

    application_name: `service_name` of the profiles; else
        `PYROSCOPE_APPLICATION_NAME`, else the name of the program.
    server_address: base URL of Pyroscope or of Alloy's receiver; else
        `PYROSCOPE_SERVER_ADDRESS`, else http://localhost:4040.
    basic_auth_username, basic_auth_password: sent if both are given.
    enable_logging: log the beginning and the end, too, and on stderr unless the
        program's logging is set up.
    sample_rate: samples per CPU second and thread, 1 to 10000.
    report_pid, report_thread_id, report_thread_name: label samples with `pid`,
        `thread_id`, `thread_name`; a series for each.
    tags: labels of all profiles. One that a server would refuse is left out.
    tenant_id: sent as `X-Scope-OrgID`.
    http_headers: sent with each upload.
    line_no: the line that frames bear.
    upload_interval: seconds between uploads, 1 to 3600.
    cpu_enabled: if not, there is nothing to profile.
    clock: "thread" or "process"; else the best that can be had.
    overhead_budget: per cent of the process's CPU time that profiling may take;
        above it the rate goes down until it takes less.
    label_value_limit: distinct values of a label in an upload; further ones become
        `[other]`.
    replace_label_periods: make periods in names of tags and labels `_`, instead of
        leaving out the label.

    The others are taken as pyroscope-io takes them, and change nothing; where
    that is not what was meant, it is logged. app_name and native are deprecated.

    Returns whether profiling has begun: False if it runs already, or can't
    here, which is logged once. Raises ConfigError for a setting that cannot be.
    """
    if app_name is not None:
        warn("app_name is deprecated: application_name", DeprecationWarning, stacklevel=2)
        application_name = app_name
    if native is not None:
        warn("native is deprecated and does nothing", DeprecationWarning, stacklevel=2)
    if not isinstance(cpu_implementation, ProfilerImplementation):
        raise ConfigError("cpu_implementation must be a ProfilerImplementation")
    username = settings.parse_text("basic_auth_username", basic_auth_username)
    password = settings.parse_text("basic_auth_password", basic_auth_password)
    address = settings.parse_server_address(
        settings.parse_text("server_address", server_address)
        or settings.server_address_from_environment()
        or settings.DEFAULT_SERVER_ADDRESS
    )
    chosen = Config(
        application_name=settings.parse_text("application_name", application_name)
        or settings.application_name_from_environment()
        or program_name(),
        server_address=address,
        rate_hz=settings.parse_rate(sample_rate),
        clock=settings.parse_clock(clock) if clock is not None else None,
        tags=_usable_tags(settings.parse_mapping("tags", tags), replace_label_periods),
        upload_interval_s=settings.parse_interval(upload_interval),
        basic_auth=(username, password) if username and password else None,
        tenant_id=settings.parse_text("tenant_id", tenant_id),
        http_headers=settings.parse_headers(http_headers),
        thread_names=bool(report_thread_name),
        pid_label=bool(report_pid),
        thread_id_label=bool(report_thread_id),
        line_no=settings.parse_line_no(line_no),
        overhead_budget=settings.parse_budget(overhead_budget),
        label_value_limit=settings.parse_value_limit(label_value_limit),
        replace_label_periods=bool(replace_label_periods),
        fuse=settings.fuse_from_environment(),
    )
    if enable_logging:
        show()
    if mem_enabled:
        warn_once("mem_enabled", "mem_enabled: memory is not profiled, CPU time is")
    if not cpu_enabled:
        warn_once("cpu_enabled", "nothing is profiled: cpu_enabled=False, and there is CPU only")
        return False
    if not oncpu:
        warn_once("oncpu", "oncpu=False: waiting is not measured, CPU time is")
    if cpu_implementation is not ProfilerImplementation.PySpy:
        warn_once("cpu_implementation", "cpu_implementation: there is one engine for all choices")
    begun = _begin(chosen)
    if begun and enable_logging:
        from pyroscope_native.address import parse_address

        where = parse_address(address)[0].geturl()  # without a password
        inform(f"profiling has begun: {chosen.application_name} to {where}")
    return begun


def _usable_tags(tags: Mapping[object, object], replace_periods: bool) -> dict[str, str]:
    """Without those that a server would refuse, each of which is told once."""
    if not tags:
        return {}
    from pyroscope_native.labels import checked

    usable: dict[str, str] = {}
    for given, value in tags.items():
        name = str(given).replace(".", "_") if replace_periods else given
        label = checked(name, "" if value is None else value)
        if label is None:
            continue
        if label[0] in settings.SAMPLE_ONLY:
            warn_once(f"tag {name}", f"the tag {name} is left out: only samples may have it")
        elif len(usable) == settings.PROCESS_TAGS:
            warn_once("tags", f"tags are left out: a server takes {settings.PROCESS_TAGS}")
        else:
            usable.update([label])
    return usable


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

    def in_child() -> None:
        # Forks are profiled as themselves where there is somewhere to deliver to.
        child = Session(chosen)
        process.begin(child, child.stop, in_child)
        process.end_before_os_exit()  # as multiprocessing ends its processes

    try:
        process.begin(session, finish, in_child if chosen.server_address else None)
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
    inform("profiling has ended")
    return True


def flush(timeout_s: float = 5.0) -> bool:
    """Push what has been sampled up to now, without waiting for the interval.

    Returns whether the server has taken all of it within `timeout_s` seconds;
    what it has not may follow later. False if there is no server, or nothing is
    profiled.
    """
    if reason_unsupported() is not None:
        return False
    from pyroscope_native import process

    session = process.current()
    return session is not None and session.flush(timeout_s)


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
