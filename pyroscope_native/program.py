# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Profiles the program that `run` has started: the program's side of `run`.

Its children, however they come about, find the same note. What they leave is merged
by the program's own process when it ends; where there is a server, each delivers
for itself.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from pyroscope_native import note, settings
from pyroscope_native.config import Config
from pyroscope_native.errors import ConfigError
from pyroscope_native.launch import command_line, interpreter_options
from pyroscope_native.log import set_level, warn_once
from pyroscope_native.model import Profile
from pyroscope_native.note import Note
from pyroscope_native.parts import Parts

if TYPE_CHECKING:
    from pyroscope_native.report.summary import Facts
    from pyroscope_native.session import Session

_TERMINATE_LIMIT_S = 10

_HELPERS = (
    "from multiprocessing.forkserver import main",
    "from multiprocessing.resource_tracker import main",
)
"""In the code that `multiprocessing` runs in processes which outlive the program."""


def begin() -> None:
    """Do what the note in the environment says.

    Raises ImportError without a native core.
    """
    told = note.found()
    if not told.with_children:
        note.take_out(os.environ)
    if told.prefix != sys.prefix:
        if os.getpid() == told.program_pid:
            Parts(told.parts).remove()  # what came before has been written
        return
    if any(helper in word for helper in _HELPERS for word in command_line()):
        from pyroscope_native import process

        process.follow_forks(lambda: _profile(told, _config(told)))
        return
    from pyroscope_native.session import StartError

    try:
        config = _config(told)
        if config.server_address:
            _import_what_is_hidden(_program_directory(command_line()))
        _profile(told, config)
    except (ConfigError, StartError) as error:
        print(f"pyroscope_native: nothing is profiled: {error}", file=sys.stderr)


def _config(told: Note) -> Config:
    """What this process is to do: a child's environment may say another thing than the
    program's. Raises ConfigError."""
    config = settings.resolve(
        told.arguments,
        defaults=Config(application_name=told.name, summary=True),
        config_file=told.config_file,
        tolerant=True,
    )
    set_level(config.log_level)
    return config._replace(
        outputs=told.outputs,
        default_outputs=told.default_outputs,
        spare_output=told.spare_output,
    )


def _program_directory(words: list[str]) -> str:
    """Where a Python started by `words` looks first for what the program imports."""
    program = words[1 + len(interpreter_options(words)) :]
    if not program or program[0][:2] in ("-", "-m", "-c"):
        return "."
    path = os.path.realpath(program[0])
    return path if os.path.isdir(path) else os.path.dirname(path)


def _import_what_is_hidden(directory: str) -> None:
    """Where modules of the program are called as others that uploading takes, import
    what it takes before they come into play, and make way for them again."""
    try:
        own = {name.partition(".")[0] for name in os.listdir(directory)}
        standard = {name.partition(".")[0] for name in os.listdir(os.path.dirname(os.__file__))}
    except OSError:
        return
    hidden = own & (standard | {"google"}) - {"__pycache__", "site-packages"}
    if not hidden:
        return
    before = set(sys.modules)
    from pyroscope_native.deliver import outbox  # noqa: F401

    for name in set(sys.modules) - before:
        if name.partition(".")[0] in hidden:
            del sys.modules[name]


def _profile(told: Note, config: Config) -> None:
    """Raises StartError."""
    if not config.enabled:
        return
    from pyroscope_native import _core, process
    from pyroscope_native.session import Session

    is_child = os.getpid() != told.program_pid
    session = Session(config)
    parts = Parts(told.parts) if told.parts else None
    own_path = list(sys.path)

    def finish() -> None:
        # What is imported at the end must not be the program's, whose modules
        # may be called as those of the standard library.
        program_path, sys.path = sys.path, own_path
        interrupted = _core.dies_of_interrupt()
        try:
            if session.stop():
                (_finish_child if is_child else _finish_program)(session, parts)
        finally:
            sys.path = program_path
            _core.set_dies_of_interrupt(interrupted)

    def in_child() -> None:
        _make_room_among_signals()
        _profile(told, config)

    process.begin(session, finish, in_child if told.with_children else None)
    if not is_child and session.config.summary and session.serve_url:
        print(f"pyroscope_native: serving profiles at {session.serve_url}", file=sys.stderr)
    process.end_before_termination(_TERMINATE_LIMIT_S)
    process.end_before_os_exit()


def _make_room_among_signals() -> None:
    """Celery's processes, without an event loop, would first of all take SIGPROF, as one
    of many signals to exit at."""
    billiard = sys.modules.get("billiard.common")
    if billiard is not None:
        billiard.TERMSIGS_FULL.discard("SIGPROF")


def _finish_program(session: Session, parts: Parts | None) -> None:
    """Write what there is to write, with the children's parts in it, and say so."""
    from pyroscope_native import process

    config = session.config
    goes_on = parts is not None and _is_python(process.becoming())
    profile: Profile | None = None
    paths: list[str] = []
    children: list[Profile] = []
    if config.outputs:
        profile = session.whole_profile()
        if parts is not None:
            children = _read(parts)
            own = profile.labelled({"pid": str(os.getpid())})
            if goes_on:
                _leave(own, parts)
            if children:
                profile = Profile.merged([own, *children])
        if profile.samples or not config.default_outputs:
            from pyroscope_native.deliver.file import write_outputs

            paths = write_outputs(profile, config.outputs, config.application_name)
    if goes_on:
        return
    if parts is not None:
        parts.remove()
    paths += _write_untaken(session, config.spare_output)
    stream = sys.__stderr__  # the program may have put something else in sys.stderr's place
    if config.summary and stream is not None and not stream.closed:
        from pyroscope_native.report.summary import render

        text = render(
            _facts(session, children),
            profile,
            paths,
            group_by=config.group_by,
            is_terminal=stream.isatty(),
        )
        print(text, file=stream, flush=True)


def _finish_child(session: Session, parts: Parts | None) -> None:
    """Leave what there is for the program's own process, or, where that has ended
    already, beside what it has written."""
    from pyroscope_native.deliver.file import path_of_process, write_outputs

    config = session.config
    paths: list[str] = []
    if config.outputs and parts is not None:
        profile = session.whole_profile().labelled({"pid": str(os.getpid())})
        if not _leave(profile, parts):
            own = [path_of_process(path) for path in config.outputs]
            paths = write_outputs(profile, own, config.application_name)
    if config.spare_output:
        paths += _write_untaken(session, path_of_process(config.spare_output))
    if paths:
        warn_once("child", f"process {os.getpid()} has written its profile: {', '.join(paths)}")


def _leave(profile: Profile, parts: Parts) -> bool:
    """False if it can't be left there."""
    try:
        if profile.samples:
            parts.add(profile)
    except OSError:
        return False
    return True


def _read(parts: Parts) -> list[Profile]:
    try:
        return parts.profiles()
    except (OSError, ValueError) as error:
        warn_once("parts", f"the profiles of children are not in the output: {error}")
        return []


def _write_untaken(session: Session, path: str) -> list[str]:
    """Write what the server has not taken; returns where it is."""
    uploader = session.uploader
    if uploader is None or not uploader.untaken:
        return []
    from pyroscope_native.deliver.file import write_outputs

    untaken = Profile.merged(uploader.untaken)
    return write_outputs(untaken, [path], session.config.application_name)


def _is_python(path: str) -> bool:
    """Whether the program at `path` is Python, or for it."""
    if os.path.basename(path).startswith("python"):
        return True
    try:
        with open(path, "rb") as file:
            first = file.readline(200)
    except OSError:
        return False
    return first.startswith(b"#!") and b"python" in first


def _facts(session: Session, children: list[Profile]) -> Facts:
    from pyroscope_native.address import parse_address
    from pyroscope_native.report.summary import Facts

    address = session.config.server_address
    return Facts(
        stats=session.stats(),
        clock_reason=session.clock_reason,
        server=parse_address(address)[0].geturl() if address else "",
        children=len(children),
        children_ns=sum(child.total for child in children),
    )
