# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What the profiler is asked to do, checked, so that the rest can rely on it.

`settings` has who says it.
"""

# No postponed annotations here: a NamedTuple compiles each, and the first call of
# compile() in a process takes milliseconds.

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple, Optional

from pyroscope_native.errors import ConfigError
from pyroscope_native.label_rules import check_tag

Clock = Literal["thread", "process"]
LineNumbers = Literal["last", "first", "none"]

DEFAULT_SERVER_ADDRESS = "http://localhost:4040"

_NONE: Mapping[str, str] = MappingProxyType({})

SERIES_LABELS = 30
"""As many labels may a series have, by a server's default."""
PROCESS_TAGS = SERIES_LABELS - 8
"""Of them, what is left beside what is said of every series (`deliver.request`), and one
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
    enabled: bool = True
    """Whether to profile at all; if not, little else is told."""
    log_level: str = ""
    """The logger's, see `log.set_level`; empty: as it is."""

    def __repr__(self) -> str:
        # The rest may hold secrets.
        return f"Config(application_name={self.application_name!r})"

    @property
    def period_ns(self) -> int:
        """CPU time between two samples of a thread."""
        return 1_000_000_000 // self.rate_hz


def check_process_tag(name: str, value: str) -> None:
    """Raises ConfigError for a tag that a server would refuse, or is one of samples only."""
    check_tag(name, value)
    if name in SAMPLE_ONLY:
        raise ConfigError(f"{name} is a label of samples, and can't be one of a process")
