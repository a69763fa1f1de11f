# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Whether this interpreter on this machine can be profiled, and how: `doctor`.

Nothing is concluded that can be tried: each clock samples for a moment of CPU
time, frames are compared with the interpreter's own account, and the server is
sent a request.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
import time
from importlib import metadata
from typing import Literal, NamedTuple

from pyroscope_native.config import Clock, Config
from pyroscope_native.support import reason_unsupported
from pyroscope_native.version import VERSION

_TRIAL_S = 0.2
_TRIAL_PERIOD_NS = 4_000_000
_CLOCK_MONOTONIC_COARSE = 6
_TIMERS_LOW = 1000
"""A machine's many processes of one user share the limit on timers."""

Status = Literal["ok", "note", "problem"]


class Finding(NamedTuple):
    """One thing that was looked at."""

    subject: str
    status: Status
    """A problem keeps something from working; a note may be of interest."""
    words: str
    remedy: str = ""


def examine(config: Config) -> list[Finding]:
    """Look at everything; at the fuse of one application, and at a server, where `config`
    names them."""
    reason = reason_unsupported()
    interpreter = (
        f"{platform.python_implementation()} {platform.python_version()} on {sys.platform}"
    )
    if reason is not None:
        # Nothing is tried that no profile would come of.
        words = f"{interpreter}: {reason}"
        return [Finding("interpreter", "problem", words, "until then programs run unprofiled")]
    return [
        Finding("interpreter", "ok", f"{interpreter}, pyroscope_native {VERSION}"),
        _frames(),
        *_clocks(),
        _signal(),
        *_limits(),
        _fuse(config.application_name, config.fuse),
        *_packages(),
        _server(config),
    ]


def reset_fuse(config: Config) -> str:
    """Forget that an application died inside the profiler; says what was done."""
    from pyroscope_native.fuse import Fuse

    name = config.application_name
    if config.fuse and Fuse(name, config.fuse).reset():
        return f"{name} will be profiled again"
    return f"there was nothing to forget of {name}"


def _frames() -> Finding:
    from pyroscope_native.selfcheck import find_mismatch

    mismatch = find_mismatch()
    if mismatch is None:
        return Finding("frames", "ok", "the interpreter lays them out as expected")
    return Finding(
        "frames", "problem", mismatch, "a patched interpreter? Report it, with `python -VV`"
    )


class _Trial(NamedTuple):
    samples: int
    seen_share: float
    """Of the kernel's count."""


def _try(clock: int) -> _Trial:
    """Sample a moment of work. Raises OSError."""
    from pyroscope_native import _core

    before = _core.counters()
    _core.start(clock, _TRIAL_PERIOD_NS)
    began_ns = time.process_time_ns()
    while time.process_time_ns() - began_ns < _TRIAL_S * 1e9:
        pass
    _core.stop()
    used_ns = time.process_time_ns() - began_ns
    while _core.drain():
        pass
    _core.cut()
    after = _core.counters()
    return _Trial(
        after["samples"] - before["samples"], (after["seen_ns"] - before["seen_ns"]) / used_ns
    )


def _clocks() -> list[Finding]:
    """What each clock does, the better one first, and which is used."""
    from pyroscope_native import _core

    findings = []
    used: Clock | None = None
    clocks: list[tuple[Clock, int]] = [
        ("thread", _core.CLOCK_THREAD),
        ("process", _core.CLOCK_PROCESS),
    ]
    for clock, number in clocks:
        subject = f"{clock} clock"
        remedies = {
            "thread": "one timer serves the process instead, which is less exact by thread",
            "process": "nothing can be profiled: another clock is wanted",
        }
        try:
            trial = _try(number)
        except OSError as error:
            status: Status = "note" if clock == "thread" else "problem"
            findings.append(Finding(subject, status, f"not to be had: {error}", remedies[clock]))
            continue
        if trial.samples == 0:
            findings.append(
                Finding(subject, "problem", "no tick came", "see SIGPROF; or a sandbox drops them")
            )
            continue
        words = (
            f"{trial.samples} ticks in {_TRIAL_S:g} s of CPU, {trial.seen_share:.0%} of the "
            "kernel's count"
        )
        if used is None:
            used = clock
            words += "; this one is used"
        findings.append(Finding(subject, "ok", words))
    tick_s = time.clock_getres(_CLOCK_MONOTONIC_COARSE) if sys.platform == "linux" else 0.01
    findings.append(
        Finding(
            "kernel tick",
            "ok",
            f"{1 / tick_s:.0f} a second: the most samples there are of a thread; at higher rates "
            "they weigh more",
        )
    )
    return findings


def _signal() -> Finding:
    if signal.SIGPROF in signal.pthread_sigmask(signal.SIG_BLOCK, []):
        return Finding(
            "SIGPROF",
            "problem",
            "blocked, by whoever started this: no tick can come",
            "have it unblocked before the program starts",
        )
    return Finding("SIGPROF", "ok", "free")


def _status_fields() -> dict[str, str]:
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            pairs = [line.partition(":")[::2] for line in file]
    except OSError:
        return {}
    return {name: value.strip() for name, value in pairs}


def _limits() -> list[Finding]:
    fields = _status_fields()
    findings = []
    used, _, limit = fields.get("SigQ", "").partition("/")
    if used.isdigit() and limit.isdigit():
        left = max(0, int(limit) - int(used))
        findings.append(
            Finding(
                "timers",
                "ok" if left >= _TIMERS_LOW else "note",
                f"{left} of {limit} pending signals are left to this user; each thread takes one",
                "" if left >= _TIMERS_LOW else "raise it (ulimit -i), or use the process clock",
            )
        )
    if fields.get("Seccomp", "0") != "0":
        findings.append(
            Finding("seccomp", "note", "system calls are filtered; what was tried has come through")
        )
    return findings


def _fuse(application_name: str, directory: str) -> Finding:
    from pyroscope_native.fuse import Fuse

    if not directory:
        return Finding("fuse", "note", "off: crashes inside the profiler are not remembered")
    reason = Fuse(application_name, directory).blown() if application_name else None
    if reason is not None:
        return Finding("fuse", "problem", reason)
    if not os.access(directory, os.W_OK):
        return Finding("fuse", "note", f"{directory} is not writable: there is none")
    if not application_name:
        return Finding("fuse", "ok", "crashes are remembered; --application-name asks for one's")
    return Finding("fuse", "ok", f"{application_name} has not died inside the profiler")


_COMPANY = {
    "gevent": "greenlets are sampled where they run; CPU of all is under their thread",
    "uvloop": "works",
    "uwsgi": "start workers with --enable-threads, or the drain does not run",
    "ddtrace": "another profiler may be on: both cost",
    "pyroscope-io": "another profiler: have one of the two on",
    "scalene": "uses SIGPROF's cousins: not at the same time",
    "vmprof": "uses SIGPROF: not at the same time",
}
"""Packages that have to do with profiling, and what there is to know."""


def _protobuf() -> Finding:
    try:
        from pyroscope_native import messages  # noqa: F401
    except ImportError as error:
        return Finding(
            "protobuf", "problem", str(error), "until then pprofs are neither written nor pushed"
        )
    from google.protobuf import __version__ as version

    return Finding("protobuf", "ok", version)


def _packages() -> list[Finding]:
    findings = [_protobuf()]
    for name, words in _COMPANY.items():
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        findings.append(Finding(name, "note", f"{version}: {words}"))
    return findings


def _server(config: Config) -> Finding:
    if config.server_address is None:
        return Finding("server", "note", "none was named: profiles are written to files")
    from pyroscope_native.deliver.push import Pusher, PushError

    try:
        words = Pusher.configured(config).probe(timeout_s=config.upload_timeout_s)
    except PushError as error:
        return Finding(
            "server", "problem", str(error), "docs/troubleshooting.md, What a server says"
        )
    except ValueError as error:
        return Finding("server", "problem", f"nothing can be sent: {error}")
    return Finding("server", "ok", words)
