# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The table of everything that can be set.

It makes the options of `run`, the variables and the keys of files;
`docs/configuration.md` has it for users.
"""

# No postponed annotations here: see config.py.

from functools import partial
from typing import Any, Callable, NamedTuple, Optional

from pyroscope_native import tags, values

FILE_VARIABLE = "PYROSCOPE_CONFIGURATION_FILE"
_VITAL_GROUPS = ("server", "serving")


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

    @property
    def words(self) -> str:
        """As messages call it."""
        return self.name.replace("_", " ")

    @property
    def is_vital(self) -> bool:
        """Whether it says that something is done at all, where profiles go, as whom, or who
        may have them. Without one of these nothing is profiled: what is left might be sent
        elsewhere."""
        return self.group in _VITAL_GROUPS or self.name == "agent_enabled"


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
