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

    def finish() -> None:
        _finish(session)
        _restore_interrupt()

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
    if config.summary:
        from pyroscope_native.report.summary import render

        print(render(_facts(session), profile, paths), file=sys.stderr, flush=True)


def _facts(session: Session) -> Facts:
    from pyroscope_native.address import parse_address
    from pyroscope_native.report.summary import Facts

    assert session.totals is not None
    uploader = session.uploader
    return Facts(
        *session.totals,
        rate_hz=session.config.rate_hz,
        clock=session.clock,
        clock_reason=session.clock_reason,
        server=parse_address(session.config.server_address)[0].geturl()
        if session.config.server_address
        else "",
        pushed=uploader.pushed if uploader is not None else 0,
        not_pushed=uploader.failed if uploader is not None else 0,
    )


def _restore_interrupt() -> None:
    """Let the process still die of SIGINT, if that is what it is about to do.

    The interpreter remembers that a KeyboardInterrupt ended the script, and
    forgets it whenever text is executed, which imports at the end do (for
    namedtuples, say).
    """
    if getattr(sys, "last_type", None) is KeyboardInterrupt:
        try:
            exec("raise KeyboardInterrupt")
        except KeyboardInterrupt:
            pass
