# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Everything that can be set, and who says it: arguments, else environment, else a file,
else the defaults of `Config`.

The table SETTINGS makes the options of `run`, the variables and the keys of files;
`docs/configuration.md` has it for users.
"""

# No postponed annotations here: see config.py.

import os
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Callable, NamedTuple, Optional

from pyroscope_native import config_file, environment, tags, values
from pyroscope_native.config import PROCESS_TAGS, Config
from pyroscope_native.errors import ConfigError, SourceError
from pyroscope_native.log import warn_once

FILE_VARIABLE = "PYROSCOPE_CONFIGURATION_FILE"
VITAL_GROUPS = ("server", "serving")
"""Groups of settings that say where profiles go, as whom, and who may have them. Without one
of them nothing is profiled: what is left might be sent elsewhere."""


class Setting(NamedTuple):
    """One of them."""

    name: str
    """As keyword of `configure()`, and, with dashes, as key in a file."""
    field: str
    """Of Config; of several settings for one field the last that is said counts."""
    group: str
    """Of options in the help."""
    parse: Callable[[str, Any], Any]
    """Takes what the setting is called and its value. Raises ConfigError."""
    variables: tuple[str, ...] = ()
    """In the environment; of several the last that is set counts."""
    options: tuple[str, ...] = ()
    """Of `run`. A secret has none: everybody can see command lines."""
    metavar: str = ""
    """Empty: the option takes no value."""
    meaning: str = ""
    """For the help of `run`."""
    locate: Optional[Callable[[Any, str], Any]] = None
    """Makes paths absolute, as seen from a directory. Raises ConfigError."""
    repeats: bool = False
    """Whether the option may be given several times."""


_SECONDS = partial(values.duration, least=0.1, most=3600)

SETTINGS = (
    Setting(
        "agent_enabled",
        "enabled",
        "profiling",
        values.boolean,
        ("PYROSCOPE_AGENT_ENABLED",),
    ),
    Setting(
        "log_level",
        "log_level",
        "profiling",
        values.log_level,
        ("PYROSCOPE_LOG_LEVEL",),
        ("--log-level",),
        "LEVEL",
        "log from this level on: debug, info, warning, error or off (default warning)",
    ),
    Setting(
        "replace_label_periods",
        "replace_label_periods",
        "labels",
        values.boolean,
        ("PYROSCOPE_REPLACE_LABEL_PERIODS",),
        ("--replace-label-periods",),
        meaning="make periods in names of labels _, instead of leaving out the label",
    ),
    Setting(
        "profiling_interval",
        "rate_hz",
        "profiling",
        values.rate_of_interval,
        ("PYROSCOPE_PROFILING_INTERVAL",),
    ),
    Setting(
        "sample_rate",
        "rate_hz",
        "profiling",
        values.rate,
        ("PYROSCOPE_SAMPLE_RATE",),
        ("--rate",),
        "HZ",
        "samples per CPU second and thread (default 100)",
    ),
    Setting(
        "clock",
        "clock",
        "profiling",
        values.clock,
        ("PYROSCOPE_CLOCK",),
        ("--clock",),
        "thread|process",
        "timers that drive sampling: one per thread, or one for all (default: thread where "
        "it can be had)",
    ),
    Setting(
        "overhead_budget",
        "overhead_budget",
        "profiling",
        values.budget,
        ("PYROSCOPE_OVERHEAD_BUDGET",),
        ("--overhead-budget",),
        "PERCENT",
        "of the program's CPU time that profiling may take before the rate goes down (default 1)",
    ),
    Setting(
        "line_no",
        "line_no",
        "profiling",
        values.line_numbers,
        ("PYROSCOPE_LINE_NO",),
        ("--line-no",),
        "last|first|none",
        "the line that frames bear: of the last instruction, of the definition, none "
        "(default last)",
    ),
    Setting(
        "fuse",
        "fuse",
        "profiling",
        values.fuse_directory,
        ("PYROSCOPE_FUSE",),
        locate=values.absolute,
    ),
    Setting(
        "application_name",
        "application_name",
        "labels",
        values.text,
        ("PYROSCOPE_APPLICATION_NAME",),
        ("--application-name",),
        "NAME",
        "the profile's service_name (default: the script's or module's name)",
    ),
    Setting(
        "tags",
        "tags",
        "labels",
        tags.parse,
        ("PYROSCOPE_LABELS",),
        ("--tag",),
        "KEY=VALUE",
        "label of the whole profile; may be repeated",
        repeats=True,
    ),
    Setting(
        "report_pid",
        "pid_label",
        "labels",
        values.boolean,
        ("PYROSCOPE_REPORT_PID",),
        ("--report-pid",),
        meaning="label what is pushed with pid; a series for each",
    ),
    Setting(
        "report_thread_id",
        "thread_id_label",
        "labels",
        values.boolean,
        ("PYROSCOPE_REPORT_THREAD_ID",),
        ("--report-thread-id",),
        meaning="with thread_id, too",
    ),
    Setting(
        "report_thread_name",
        "thread_names",
        "labels",
        values.boolean,
        ("PYROSCOPE_REPORT_THREAD_NAME",),
        ("--report-thread-name",),
        meaning="with thread_name, too",
    ),
    Setting(
        "label_value_limit",
        "label_value_limit",
        "labels",
        values.count,
        ("PYROSCOPE_LABEL_VALUE_LIMIT",),
        ("--label-value-limit",),
        "COUNT",
        "distinct values of a label in an upload; further ones become [other] (default 1000)",
    ),
    Setting(
        "output",
        "outputs",
        "output",
        values.outputs,
        (),
        ("-o", "--output"),
        "PATH",
        "write the profile there: .pb.gz, .html, .collapsed or .speedscope.json; may be "
        "repeated (default where nothing is pushed or served: pyroscope-NAME-PID.pb.gz and .html)",
        values.writable,
        repeats=True,
    ),
    Setting(
        "group_by",
        "group_by",
        "output",
        values.text,
        (),
        ("--group-by",),
        "LABEL",
        "sum up by the values of this label in the summary, too (endpoint, thread_name, …)",
    ),
    Setting(
        "quiet",
        "summary",
        "output",
        values.negation,
        (),
        ("--quiet",),
        meaning="print no summary at the end",
    ),
    Setting(
        "server_address",
        "server_address",
        "server",
        values.server_address,
        ("PYROSCOPE_SERVER_ADDRESS", "PYROSCOPE_ADHOC_SERVER_ADDRESS"),
        ("--server-address",),
        "URL",
        "push to this Pyroscope server",
    ),
    Setting(
        "basic_auth_username",
        "username",
        "server",
        values.text,
        ("PYROSCOPE_BASIC_AUTH_USER",),
    ),
    Setting(
        "basic_auth_password",
        "password",
        "server",
        values.text,
        ("PYROSCOPE_BASIC_AUTH_PASSWORD",),
    ),
    Setting(
        "bearer_token",
        "bearer_token",
        "server",
        values.header_text,
        ("PYROSCOPE_AUTH_TOKEN", "PYROSCOPE_BEARER_TOKEN"),
    ),
    Setting(
        "bearer_token_file",
        "bearer_token_file",
        "server",
        values.text,
        ("PYROSCOPE_BEARER_TOKEN_FILE",),
        ("--token-file",),
        "PATH",
        "send the bearer token that is in this file",
        values.absolute,
    ),
    Setting(
        "tenant_id",
        "tenant_id",
        "server",
        values.header_text,
        ("PYROSCOPE_TENANT_ID",),
        ("--tenant-id",),
        "ID",
        "send X-Scope-OrgID",
    ),
    Setting(
        "http_headers",
        "http_headers",
        "server",
        values.headers,
        ("PYROSCOPE_HTTP_HEADERS",),
    ),
    Setting(
        "ca_file",
        "ca_file",
        "server",
        values.text,
        ("PYROSCOPE_CA_FILE",),
        ("--ca-file",),
        "PATH",
        "certificates (PEM) to verify the server by (default: the system's)",
        values.absolute,
    ),
    Setting(
        "client_cert_file",
        "client_cert_file",
        "server",
        values.text,
        ("PYROSCOPE_CLIENT_CERT_FILE",),
        ("--client-cert",),
        "PATH",
        "certificate (PEM) to show the server",
        values.absolute,
    ),
    Setting(
        "client_key_file",
        "client_key_file",
        "server",
        values.text,
        ("PYROSCOPE_CLIENT_KEY_FILE",),
        ("--client-key",),
        "PATH",
        "its key (PEM), where that is in a file of its own",
        values.absolute,
    ),
    Setting(
        "upload_interval",
        "upload_interval_s",
        "delivery",
        partial(values.duration, least=1, most=3600),
        ("PYROSCOPE_UPLOAD_INTERVAL",),
        ("--upload-interval",),
        "SECONDS",
        "how often to push (default 10)",
    ),
    Setting(
        "upload_timeout",
        "upload_timeout_s",
        "delivery",
        _SECONDS,
        ("PYROSCOPE_UPLOAD_TIMEOUT",),
        ("--upload-timeout",),
        "SECONDS",
        "what one upload may take (default 10)",
    ),
    Setting(
        "shutdown_timeout",
        "shutdown_timeout_s",
        "delivery",
        _SECONDS,
        ("PYROSCOPE_SHUTDOWN_TIMEOUT",),
        ("--shutdown-timeout",),
        "SECONDS",
        "what the last upload may take when the program ends (default 5)",
    ),
    Setting(
        "queue_size",
        "queue_bytes",
        "delivery",
        values.size,
        ("PYROSCOPE_QUEUE_SIZE",),
        ("--queue-size",),
        "BYTES",
        "memory for what waits for the server (default 32MB)",
    ),
    Setting(
        "spool_directory",
        "spool_directory",
        "delivery",
        values.text,
        ("PYROSCOPE_SPOOL_DIR",),
        ("--spool",),
        "DIR",
        "keep what waits for the server in this directory (default: in memory only)",
        values.absolute,
    ),
    Setting(
        "spool_size",
        "spool_bytes",
        "delivery",
        values.size,
        ("PYROSCOPE_SPOOL_SIZE",),
        ("--spool-size",),
        "BYTES",
        "space that it may take there (default 256MB)",
    ),
    Setting(
        "serve_address",
        "serve_address",
        "serving",
        values.serve_address,
        ("PYROSCOPE_SERVE_ADDRESS",),
        ("--serve",),
        "[HOST:]PORT",
        "answer there who pulls profiles: Alloy, go tool pprof; FIRST-LAST: the first port "
        "that is free; unix:PATH: a socket",
        values.absolute_socket,
    ),
    Setting(
        "serve_token",
        "serve_token",
        "serving",
        values.header_text,
        ("PYROSCOPE_SERVE_TOKEN",),
    ),
)

BY_NAME = {setting.name: setting for setting in SETTINGS}
VARIABLES = frozenset(
    [FILE_VARIABLE, *(variable for setting in SETTINGS for variable in setting.variables)]
)
_FIRST = ("agent_enabled", "log_level", "replace_label_periods")
"""What the rest depends on."""
_DEFAULT_FUSE = "/dev/shm"


class _Said(NamedTuple):
    """A setting as somebody says it."""

    setting: Setting
    value: Any
    source: str = ""
    """The variable, or the file and the key; empty for an argument."""
    directory: str = ""
    """That paths are seen from; empty for the working directory."""


def resolve(
    arguments: Mapping[str, object],
    *,
    defaults: Config,
    config_file: str = "",
    tolerant: bool,
) -> Config:
    """What all together say; by setting, the strongest says it. Of tags and HTTP headers,
    this holds for each by itself.

    arguments: values by names of settings. Those of a command line can be written as JSON,
        and resolved again in another process: see `absolute`.
    defaults: what is where nobody says anything.
    config_file: path of a file; see `file_to_read`. Empty: none.
    tolerant: in a program, which a fault in the environment or a file must not
        bring down: it is logged once, and the next weaker says what is to be.

    Raises ConfigError; SourceError, if it is for what the environment or a file says.
    Tolerant, that is only for what says where profiles go, or to whom.
    """
    name, variable, attributes = environment.opentelemetry()
    said = [
        _Said(BY_NAME["application_name"], name, variable),
        _Said(BY_NAME["tags"], attributes, "OTEL_RESOURCE_ATTRIBUTES"),
    ]
    for setting in SETTINGS:
        for variable in setting.variables:
            said.append(_Said(setting, environment.get(variable), variable))
    said = [each for each in said if each.value]
    said += [_Said(BY_NAME[name], value) for name, value in arguments.items()]

    choice = _Choice(tolerant)
    choice.take(each for each in said if each.setting.name in _FIRST)
    if config_file and choice.is_enabled:
        said = [*_said_by_file(config_file, tolerant), *said]
        choice = _Choice(tolerant)
        choice.take(each for each in said if each.setting.name in _FIRST)
    if choice.is_enabled:
        choice.take(each for each in said if each.setting.name not in _FIRST)
    return choice.config(defaults)


def file_to_read(asked: Optional[str] = None) -> str:
    """The absolute path of the file that is asked for, or that the environment names; else
    empty."""
    return values.absolute(asked or environment.get(FILE_VARIABLE), environment.directory())


def absolute(arguments: Mapping[str, object]) -> dict[str, object]:
    """The arguments with the paths that are in them made absolute, as strings and lists of
    them. Raises ConfigError."""
    found = dict(arguments)
    for name, value in arguments.items():
        setting = BY_NAME[name]
        if setting.locate is not None:
            found[name] = setting.locate(
                setting.parse(words_for(name), value), environment.directory()
            )
    return found


def warn_of_misspelt() -> None:
    """Say of each variable that is nearly one of ours, once."""
    environment.warn_of_misspelt(VARIABLES)


def words_for(name: str) -> str:
    """The setting as messages call it."""
    return name.replace("_", " ")


def _said_by_file(path: str, tolerant: bool) -> list[_Said]:
    """Raises SourceError."""
    try:
        content, unknown = config_file.read(path, BY_NAME)
    except ConfigError as error:
        raise SourceError(str(error)) from None
    for fault in unknown:
        if not tolerant:
            raise SourceError(fault)
        warn_once(fault, fault)
    shown, directory = config_file.shown_path(path), os.path.dirname(path)
    return [
        _Said(setting, content[name], f"{shown}: {config_file.key_of(name)}", directory)
        for name, setting in BY_NAME.items()
        if name in content
    ]


class _Choice:
    """What has been chosen, by who has spoken up to now, the weakest first."""

    def __init__(self, tolerant: bool) -> None:
        self._tolerant = tolerant
        self._fields: dict[str, Any] = {"fuse": _DEFAULT_FUSE}
        self._tags: dict[str, str] = {}

    @property
    def is_enabled(self) -> bool:
        return bool(self._fields.get("enabled", True))

    def take(self, said: Iterable[_Said]) -> None:
        """Raises ConfigError."""
        for each in said:
            try:
                self._put(each)
            except ConfigError as error:
                self._fault(each, error)

    def config(self, defaults: Config) -> Config:
        fields = dict(self._fields)
        username, password = fields.pop("username", ""), fields.pop("password", "")
        if len(self._tags) > PROCESS_TAGS and not self._tolerant:
            raise ConfigError(f"{len(self._tags)} tags are too many: a server takes {PROCESS_TAGS}")
        return defaults._replace(
            **fields,
            tags=tags.first(self._tags),
            basic_auth=(username, password) if username and password else None,
        )

    def _put(self, said: _Said) -> None:
        setting = said.setting
        value = setting.parse(words_for(setting.name), said.value)
        if setting.locate is not None:
            value = setting.locate(value, said.directory or environment.directory())
        if setting.name == "tags":
            self._put_tags(value, said)
            return
        if setting.name == "http_headers":
            given = {name.lower() for name in value}
            former = self._fields.get("http_headers", {})
            value = {**{n: text for n, text in former.items() if n.lower() not in given}, **value}
        elif setting.name == "bearer_token":
            self._fields.pop("bearer_token_file", None)  # it would win
        self._fields[setting.field] = value

    def _put_tags(self, given: Mapping[object, object], said: _Said) -> None:
        replace_periods = self._fields.get("replace_label_periods", False)
        if not said.source and self._tolerant:
            found = tags.usable(given, replace_periods)
        else:
            found = {}
            for name, value in given.items():
                try:
                    found.update([tags.check(name, value, replace_periods)])
                except ConfigError as error:
                    self._fault(said, error)
        # Those of the strongest first: where there are too many, the others go.
        self._tags = {**found, **{n: v for n, v in self._tags.items() if n not in found}}

    def _fault(self, said: _Said, error: ConfigError) -> None:
        if not said.source:
            raise error
        fault = f"{said.source}: {error}"
        is_vital = said.setting.group in VITAL_GROUPS or said.setting.name == "agent_enabled"
        if is_vital or not self._tolerant:
            raise SourceError(fault) from None
        warn_once(said.source, f"a setting is left out: {fault}")
