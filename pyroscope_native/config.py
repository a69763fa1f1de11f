# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What the profiler is asked to do: arguments, then environment, then defaults.

The only reader of the environment's settings. Everything is checked here, so
that the rest can rely on it.
"""

# No postponed annotations here: a NamedTuple compiles each, and the first call of
# compile() in a process takes milliseconds.

import os
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Optional

from pyroscope_native.errors import ConfigError

Clock = Literal["thread", "process"]
LineNumbers = Literal["last", "first", "none"]

RATE_LIMIT_HZ = 10_000
DEFAULT_SERVER_ADDRESS = "http://localhost:4040"

_NONE: Mapping[str, str] = MappingProxyType({})
_RESERVED_TAGS = frozenset({"service_name"})

SERIES_LABELS = 30
"""As many labels may a series have, by a server's default."""
PROCESS_TAGS = SERIES_LABELS - 8
"""Of them, what is left beside what is said of every series (`deliver.push`), and one
that Alloy adds."""
SAMPLE_ONLY = frozenset({"profile_id", "span_id", "trace_id"})
"""Labels of samples that make no series, and so have no limits."""


class Config(NamedTuple):
    """A checked configuration."""

    application_name: str
    """`service_name` of the profiles."""
    server_address: Optional[str] = None
    """Base URL of a Pyroscope server or of Alloy; None: push nothing."""
    outputs: tuple[str, ...] = ()
    """Paths to write at the end; the suffix chooses the format."""
    default_outputs: bool = False
    """The outputs were not asked for by name: without samples, write none."""
    spare_output: str = ""
    """Path to write what the server has not taken; empty: it is dropped."""
    rate_hz: int = 100
    """Samples per CPU second and thread."""
    clock: Optional[Clock] = None
    """Which timers to use; None: the best there are."""
    tags: Mapping[str, str] = _NONE
    upload_interval_s: float = 10.0
    shutdown_timeout_s: float = 5.0
    """What the last upload may take when the program ends."""
    upload_timeout_s: float = 10.0
    """What one upload may take, from connecting to the answer."""
    basic_auth: Optional[tuple[str, str]] = None
    bearer_token: str = ""
    bearer_token_file: str = ""
    """Path of a file with the token, read again when it has changed; wins."""
    ca_file: str = ""
    """Path of the certificates (PEM) that servers are verified by; empty: the system's."""
    client_cert_file: str = ""
    """Path of our own certificate (PEM); empty: none."""
    client_key_file: str = ""
    """Path of its key (PEM); empty: it is in the same file."""
    queue_bytes: int = 32_000_000
    """Memory that windows may take while they wait for the server."""
    spool_directory: str = ""
    """Where windows wait on disk; empty: nowhere."""
    spool_bytes: int = 256_000_000
    """Space that they may take there, those of all processes together."""
    serve_address: str = ""
    """Where to answer who pulls: [HOST:]PORT, [HOST:]FIRST-LAST or unix:PATH; empty:
    nowhere."""
    serve_token: str = ""
    """Bearer token that who pulls must show; empty: none."""
    tenant_id: str = ""
    http_headers: Mapping[str, str] = _NONE
    thread_names: bool = False
    """Whether pushed samples carry the label `thread_name`. Written files
    always do; on a server each name makes a series."""
    pid_label: bool = False
    """Whether pushed samples carry the label `pid`."""
    thread_id_label: bool = False
    """Whether they carry `thread_id`, the kernel's."""
    label_value_limit: int = 1000
    """Distinct values of a label in a window; further ones become one."""
    replace_label_periods: bool = False
    """Whether a period in a label's name becomes `_`, or is refused."""
    line_no: LineNumbers = "last"
    """The line that frames bear: of the last instruction, the function's first, none."""
    overhead_budget: float = 0.01
    """The profiler's own CPU time as a share of the process's, from which on it
    lowers its rate."""
    fuse: str = ""
    """Directory in memory for marks of crashes; empty: leave none, and look for none."""
    summary: bool = False
    """Whether to tell on stderr, at the end, what was found."""
    group_by: str = ""
    """Label by whose values the summary sums up, where there are outputs; empty: none."""

    def __repr__(self) -> str:
        # The rest may hold secrets.
        return f"Config(application_name={self.application_name!r})"

    @property
    def period_ns(self) -> int:
        """CPU time between two samples of a thread."""
        return 1_000_000_000 // self.rate_hz


def parse_rate(value: object) -> int:
    """Samples per CPU second, 1 to RATE_LIMIT_HZ. Raises ConfigError."""
    try:
        rate = int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        rate = 0
    if not 1 <= rate <= RATE_LIMIT_HZ:
        raise ConfigError(f"rate must be a whole number from 1 to {RATE_LIMIT_HZ} Hz, not {value}")
    return int(rate)


def parse_interval(value: object) -> float:
    """Seconds between uploads, 1 to 3600. Raises ConfigError."""
    try:
        interval_s = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        interval_s = 0.0
    if not 1 <= interval_s <= 3600:
        raise ConfigError(f"upload interval must be 1 to 3600 seconds, not {value}")
    return interval_s


def parse_budget(value: object) -> float:
    """Per cent of the process's CPU time, above 0 and up to 100, as a share. Raises
    ConfigError."""
    try:
        percent = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        percent = 0.0
    if not 0 < percent <= 100:
        raise ConfigError(f"overhead budget must be above 0 and up to 100 per cent, not {value}")
    return percent / 100


def parse_value_limit(value: object) -> int:
    """A whole number above 0. Raises ConfigError."""
    if not isinstance(value, int) or value < 1:
        raise ConfigError(f"label value limit must be a whole number above 0, not {value}")
    return value


def parse_clock(value: object) -> Clock:
    """ "thread" or "process". Raises ConfigError."""
    if value == "thread":
        return "thread"
    if value == "process":
        return "process"
    raise ConfigError(f"clock must be thread or process, not {value}")


def parse_line_no(value: object) -> LineNumbers:
    """A `LineNo`. Raises ConfigError."""
    if value == "last":
        return "last"
    if value == "first":
        return "first"
    if value == "none":
        return "none"
    raise ConfigError(
        f"line_no must be LineNo.LastInstruction, LineNo.First or LineNo.NoLine, not {value}"
    )


def parse_text(setting: str, value: object) -> str:
    """A text, "" for None. Raises ConfigError, which does not quote it: it may be secret."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ConfigError(f"{setting} must be a string, not of type {type(value).__name__}")
    return value


def parse_mapping(setting: str, value: object) -> Mapping[Any, Any]:
    """A mapping, an empty one for None. Raises ConfigError, which does not quote it."""
    if value is None:
        return _NONE
    if not isinstance(value, Mapping):
        raise ConfigError(f"{setting} must be a dict, not of type {type(value).__name__}")
    return value


def parse_headers(value: object) -> dict[str, str]:
    """HTTP headers by name. Raises ConfigError, without their values."""
    headers = parse_mapping("http_headers", value)
    return {
        parse_text("the name of an HTTP header", name): parse_text(f"HTTP header {name}", text)
        for name, text in headers.items()
    }


def parse_tag(text: str) -> tuple[str, str]:
    """KEY=VALUE. Raises ConfigError."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"a tag is KEY=VALUE, not {text}")
    check_process_tag(name, value)
    return name, value


def parse_tags(texts: Sequence[str]) -> dict[str, str]:
    """Each KEY=VALUE. Raises ConfigError."""
    tags = dict(map(parse_tag, texts))
    if len(tags) > PROCESS_TAGS:
        raise ConfigError(f"{len(tags)} tags are too many: a server takes {PROCESS_TAGS}")
    return tags


def check_process_tag(name: str, value: str) -> None:
    """Raises ConfigError for a tag that a server would refuse, or is one of samples only."""
    check_tag(name, value)
    if name in SAMPLE_ONLY:
        raise ConfigError(f"{name} is a label of samples, and can't be one of a process")


def check_tag(name: str, value: str) -> None:
    """Raises ConfigError for a tag that a server would refuse."""
    if not (name.isascii() and name.isidentifier()) or len(name) > 1024:
        raise ConfigError(
            f"a tag's name is letters, digits and _, not beginning with a digit: {name!r:.100}"
        )
    if name in _RESERVED_TAGS or name.startswith("__"):
        raise ConfigError(f"the tag name {name} is reserved")
    if not value or len(value.encode("utf-8", "replace")) > 2048:
        raise ConfigError(f"the value of tag {name} must be 1 to 2048 bytes")


def parse_server_address(value: str) -> str:
    """An http or https URL. Raises ConfigError."""
    # Here and not above: who gives no address need not load a URL parser.
    from pyroscope_native.address import parse_address

    parse_address(value)
    return value


def from_environment(name: str, parse: Callable[[str], Any] = str) -> Any:
    """The setting in the environment, None where it is unset or empty.

    Raises ConfigError that names the variable.
    """
    value = os.environ.get(name)
    if not value:
        return None
    try:
        return parse(value)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None


def server_address_from_environment() -> Optional[str]:
    """`PYROSCOPE_SERVER_ADDRESS`, or None."""
    address: Optional[str] = from_environment("PYROSCOPE_SERVER_ADDRESS", parse_server_address)
    return address


def application_name_from_environment() -> Optional[str]:
    """`PYROSCOPE_APPLICATION_NAME`, or None."""
    name: Optional[str] = from_environment("PYROSCOPE_APPLICATION_NAME")
    return name


def fuse_from_environment() -> str:
    """`PYROSCOPE_FUSE`: a directory in memory, or "off"; see Config.fuse."""
    value = from_environment("PYROSCOPE_FUSE") or "/dev/shm"
    return "" if value == "off" else os.path.abspath(value)
