# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Profiling from code: configure, flush, shutdown, profile."""

from __future__ import annotations

import os
import sys
from warnings import warn

from pyroscope_native.choices import LineNo, ProfilerImplementation
from pyroscope_native.errors import ConfigError, SourceError
from pyroscope_native.log import inform, set_level, show, warn_once
from pyroscope_native.support import reason_unsupported

# Settings take `typing` and `re`, so they are imported by what looks at them: a program that
# has not begun to profile pays little for being able to.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from pyroscope_native.config import Config
    from pyroscope_native.figures import Stats


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
    bearer_token: str = "",
    bearer_token_file: str = "",
    ca_file: str = "",
    client_cert_file: str = "",
    client_key_file: str = "",
    upload_timeout: float = 10.0,
    shutdown_timeout: float = 5.0,
    queue_size: int | str = "32MB",
    spool_directory: str = "",
    spool_size: int | str = "256MB",
    serve_address: str = "",
    serve_token: str = "",
) -> bool:
    """Profile this process from now on and push to a Pyroscope server.

    What has its default is left to the environment (`PYROSCOPE_SERVER_ADDRESS`, …), then
    to the file that `PYROSCOPE_CONFIGURATION_FILE` names; docs/configuration.md has all.

    application_name: `service_name` of the profiles; at last the name of the program.
    server_address: base URL of Pyroscope or of Alloy's receiver; at last
        http://localhost:4040, unless there is a serve_address.
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
    bearer_token, bearer_token_file: sent with each upload; the file's wins, and is read
        again when it has changed.
    ca_file: certificates (PEM) to verify the server by; else the system's.
    client_cert_file, client_key_file: certificate (PEM) to show the server, and its key.
    upload_timeout: seconds that one upload may take.
    shutdown_timeout: seconds that the last upload may take when the program ends.
    queue_size: bytes of memory for what waits for the server, or text such as "32MB".
    spool_directory: where what waits is kept on disk.
    spool_size: space that it may take there, that of all processes together.
    serve_address: where to answer who pulls: [HOST:]PORT, [HOST:]FIRST-LAST or unix:PATH.
    serve_token: bearer token that who pulls must show.

    The others are taken as pyroscope-io takes them, and change nothing; where
    that is not what was meant, it is logged. app_name and native are deprecated.

    Returns whether profiling has begun: False if it runs already, or can't
    here, which is logged once, or is not to by `PYROSCOPE_AGENT_ENABLED`. Raises
    ConfigError for an argument that cannot be; what the environment or a file says
    and cannot be is logged once.
    """
    arguments = dict(locals())
    if app_name is not None:
        warn("app_name is deprecated: application_name", DeprecationWarning, stacklevel=2)
        arguments["application_name"] = app_name
    if native is not None:
        warn("native is deprecated and does nothing", DeprecationWarning, stacklevel=2)
    if not isinstance(cpu_implementation, ProfilerImplementation):
        raise ConfigError("cpu_implementation must be a ProfilerImplementation")
    from pyroscope_native import values
    from pyroscope_native.config import DEFAULT_SERVER_ADDRESS

    given = _given(arguments)
    if "tags" in given:
        values.mapping("tags", tags)
    if enable_logging:
        show()
    config = _resolve(given)
    if config is None:
        return False
    if not config.server_address and not config.serve_address:
        config = config._replace(server_address=DEFAULT_SERVER_ADDRESS)
    if mem_enabled:
        warn_once("mem_enabled", "mem_enabled: memory is not profiled, CPU time is")
    if not cpu_enabled:
        warn_once("cpu_enabled", "nothing is profiled: cpu_enabled=False, and there is CPU only")
        return False
    if not oncpu:
        warn_once("oncpu", "oncpu=False: waiting is not measured, CPU time is")
    if cpu_implementation is not ProfilerImplementation.PySpy:
        warn_once("cpu_implementation", "cpu_implementation: there is one engine for all choices")
    begun = _begin(config)
    if begun:
        inform(f"profiling has begun: {config.application_name}{_destination(config)}")
    return begun


def _given(arguments: Mapping[str, Any]) -> dict[str, object]:
    """Those of `configure()` that are settings, and say something: not their default, and
    not nothing."""
    from pyroscope_native.settings_table import BY_NAME

    code = configure.__code__
    positional = code.co_varnames[: code.co_argcount]
    defaults = dict(zip(positional, configure.__defaults__ or ()))
    defaults.update(configure.__kwdefaults__ or {})
    given = {}
    for name, value in arguments.items():
        default = defaults[name]
        says_nothing = value is default or (not default and (value is None or value == ""))
        if name in BY_NAME and not says_nothing:
            is_default = isinstance(value, (int, float, str)) and value == default
            if not is_default:
                given[name] = value
    return given


def _resolve(arguments: Mapping[str, object]) -> Config | None:
    """What is to be done; None, which has been logged, if nothing is. Raises ConfigError
    for an argument."""
    from pyroscope_native import settings
    from pyroscope_native.config import Config

    try:
        config = settings.resolve(
            arguments,
            defaults=Config(application_name=program_name()),
            config_file=settings.file_to_read(),
            tolerant=True,
        )
    except SourceError as error:
        warn_once("settings", f"nothing is profiled: {error}")
        return None
    set_level(config.log_level)
    settings.warn_of_misspelt()
    if not config.enabled:
        inform("nothing is profiled: it is disabled by PYROSCOPE_AGENT_ENABLED")
        return None
    return config._replace(outputs=(), group_by="", summary=False)  # they are of `run`


def _destination(config: Config) -> str:
    if not config.server_address:
        return ""
    from pyroscope_native.address import parse_address

    return f" to {parse_address(config.server_address)[0].geturl()}"  # without a password


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
        process.begin(
            session, finish, in_child if chosen.server_address or chosen.serve_address else None
        )
    except process.AlreadyRunning:
        warn_once("running", "profiling is under way already: shutdown() ends it")
        return False
    except StartError as error:
        warn_once("start", f"nothing is profiled: {error}")
        return False
    if session.serve_url:
        inform(f"serving profiles at {session.serve_url}")
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
        config = _resolve(_given({"sample_rate": sample_rate, "clock": clock}))
        self._config = config and config._replace(
            outputs=tuple(os.path.abspath(path) for path in outputs),
            server_address=None,
            serve_address="",
        )
        self._begun = False

    def __enter__(self) -> None:
        self._begun = self._config is not None and _begin(self._config)

    def __exit__(self, *_: object) -> None:
        if self._begun:
            shutdown()


def program_name() -> str:
    """A service name from the program that runs."""
    name = os.path.splitext(os.path.basename(sys.argv[0] if sys.argv else ""))[0]
    if name == "__main__":
        name = os.path.basename(os.path.dirname(os.path.abspath(sys.argv[0])))
    return name if name not in ("", "-", "-c", "-m") else "python"
