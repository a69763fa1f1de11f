# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Profiles the program that `run` has started: the program's side of `run`."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from pyroscope_native.config import Config
from pyroscope_native.launch import NOTE

if TYPE_CHECKING:
    from pyroscope_native.report.summary import Facts
    from pyroscope_native.session import Session

_TERMINATE_LIMIT_S = 10


def begin() -> None:
    """Do what the note in the environment says, and take it out of there.

    Raises ImportError without a native core.
    """
    note = json.loads(os.environ.pop(NOTE))
    if note["python_path"] is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = note["python_path"]
    settings = note["config"]
    settings["outputs"] = tuple(settings["outputs"])
    if settings["basic_auth"] is not None:
        settings["basic_auth"] = tuple(settings["basic_auth"])
    _profile(Config(**settings))


def _profile(config: Config) -> None:
    from pyroscope_native import _core, process
    from pyroscope_native.session import Session, StartError

    session = Session(config)
    own_path = list(sys.path)

    def finish() -> None:
        # What is imported at the end must not be the program's, whose modules
        # may be called as those of the standard library.
        program_path, sys.path = sys.path, own_path
        interrupted = _core.dies_of_interrupt()
        try:
            _finish(session)
        finally:
            sys.path = program_path
            _core.set_dies_of_interrupt(interrupted)

    session.on_terminate = process.end_and_terminate
    try:
        process.begin(session, finish)
    except StartError as error:
        print(f"pyroscope_native: nothing is profiled: {error}", file=sys.stderr)
        return
    _core.watch_terminate(_TERMINATE_LIMIT_S)
    process.end_before_os_exit()


def _finish(session: Session) -> None:
    if not session.stop():
        return
    config = session.config
    profile = None
    paths: list[str] = []
    if config.outputs:
        profile = session.whole_profile()
        if profile.samples or not config.default_outputs:
            from pyroscope_native.deliver.file import write_outputs

            paths = write_outputs(profile, config.outputs, config.application_name)
    uploader = session.uploader
    if uploader is not None and uploader.untaken:
        from pyroscope_native.deliver.file import write_outputs
        from pyroscope_native.model import Profile

        untaken = Profile.merged(uploader.untaken)
        paths = write_outputs(untaken, [config.spare_output], config.application_name)
    stream = sys.__stderr__  # the program may have put something else in sys.stderr's place
    if config.summary and stream is not None and not stream.closed:
        from pyroscope_native.report.summary import render

        text = render(
            _facts(session),
            profile,
            paths,
            group_by=config.group_by,
            is_terminal=stream.isatty(),
        )
        print(text, file=stream, flush=True)


def _facts(session: Session) -> Facts:
    from pyroscope_native.address import parse_address
    from pyroscope_native.report.summary import Facts

    address = session.config.server_address
    return Facts(
        stats=session.stats(),
        clock_reason=session.clock_reason,
        server=parse_address(address)[0].geturl() if address else "",
    )
