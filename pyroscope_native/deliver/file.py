# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Profiles as files: the suffix of a path chooses the format.

A file appears whole or not at all, and a profile once taken is not thrown
away: where it can't be written as asked, it goes to the directory for
temporary files.
"""

from __future__ import annotations

import gzip
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pyroscope_native.errors import CommandError, ConfigError
from pyroscope_native.log import warn_once
from pyroscope_native.model import Profile

if TYPE_CHECKING:
    from pyroscope_native.selection import Choice


def _pprof(profile: Profile, name: str, sides: Sequence[Choice]) -> bytes:
    from pyroscope_native.pprof import encode

    return gzip.compress(encode(profile), compresslevel=6, mtime=0)


def _page(profile: Profile, name: str, sides: Sequence[Choice]) -> bytes:
    from pyroscope_native.report.page import render

    return render(profile, title=name, facts=_facts(profile), sides=sides).encode("utf-8")


def _collapsed(profile: Profile, name: str, sides: Sequence[Choice]) -> bytes:
    from pyroscope_native.report.collapsed import render

    return render(profile).encode("utf-8", "replace")


def _speedscope(profile: Profile, name: str, sides: Sequence[Choice]) -> bytes:
    from pyroscope_native.report.speedscope import render

    return render(profile, name=name).encode("utf-8", "replace")


def _facts(profile: Profile) -> list[tuple[str, str]]:
    """What a pprof says of itself besides its samples."""
    facts = []
    if profile.duration_ns > 0:
        facts.append(("Duration", f"{profile.duration_ns / 1e9:.2f} s"))
    if profile.period > 0 and profile.period_type == ("cpu", "nanoseconds"):
        facts.append(("Rate", f"{1e9 / profile.period:g} Hz"))
    if profile.time_ns > 0:
        began = time.localtime(profile.time_ns // 1_000_000_000)
        facts.append(("Began", time.strftime("%Y-%m-%d %H:%M:%S", began)))
    return facts


_FORMATS: dict[str, Callable[[Profile, str, Sequence[Choice]], bytes]] = {
    ".pb.gz": _pprof,
    ".html": _page,
    ".collapsed": _collapsed,
    ".speedscope.json": _speedscope,
}


def _format(path: str) -> Callable[[Profile, str, Sequence[Choice]], bytes]:
    for suffix, encode in _FORMATS.items():
        if path.endswith(suffix):
            return encode
    raise ConfigError(f"the output {path} must end in one of {', '.join(_FORMATS)}")


def read_profile(path: str) -> Profile:
    """The pprof at `path`. Raises ValueError, with the path in its words, and CommandError
    where no pprof can be read."""
    try:
        from pyroscope_native.pprof import decode
    except ImportError as error:
        raise CommandError(f"{path} can't be read: {error}") from None
    try:
        with open(path, "rb") as file:
            return decode(file.read())
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def check_output(path: str) -> None:
    """Raises ConfigError if `path` could not be written now."""
    _format(path)
    directory = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(directory):
        raise ConfigError(f"the output {path} can't be written: there is no directory {directory}")
    if os.path.isdir(path):
        raise ConfigError(f"the output {path} can't be written: it is a directory")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise ConfigError(f"the output {path} can't be written: no permission for {directory}")


def default_base(name: str, pid: int) -> str:
    """Where the profile of process `pid`, which runs `name`, goes unless told otherwise;
    without a suffix."""
    plain = "".join(c if c.isalnum() or c in "._-" else "_" for c in name) or "python"
    return os.path.abspath(f"pyroscope-{plain}-{pid}")


def path_of_process(path: str) -> str:
    """`path` with this process's id before the suffix that chooses the format."""
    suffix = next((suffix for suffix in _FORMATS if path.endswith(suffix)), "")
    return f"{path[: len(path) - len(suffix)]}-{os.getpid()}{suffix}"


def write_outputs(
    profile: Profile, paths: Sequence[str], name: str, *, sides: Sequence[Choice] = ()
) -> list[str]:
    """Write `profile`, called `name`, to each of `paths`, which are absolute.

    A page opens with the two `sides` compared, if they are given. Returns where it
    has been written. What can't be written is logged.
    """
    written = []
    for path in paths:
        try:
            content = _format(path)(profile, name, sides)
        except Exception as error:
            reason = str(error) if isinstance(error, ImportError) else repr(error)
            warn_once(f"output {path}", f"{path} was not written: {reason}")
            continue
        place = _write_somewhere(path, content)
        if place is not None:
            written.append(place)
    return written


def _write_somewhere(path: str, content: bytes) -> str | None:
    try:
        write_whole(path, content)
        return path
    except OSError as error:
        reason = error.strerror
    try:
        directory = tempfile.mkdtemp(prefix="pyroscope-")
        place = os.path.join(directory, os.path.basename(path))
        write_whole(place, content)
    except OSError as error:
        warn_once(f"output {path}", f"{path} was not written: {reason}; nor was a copy: {error}")
        return None
    warn_once(f"output {path}", f"{path} can't be written ({reason}): it is in {place} instead")
    return place


def write_whole(path: str, content: bytes) -> None:
    """Write a file that appears at once. Raises OSError."""
    directory, name = os.path.split(path)
    handle, draft = tempfile.mkstemp(prefix=f".{name}.", dir=directory)
    try:
        with open(handle, "wb") as file:
            file.write(content)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(draft, 0o666 & ~umask)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
