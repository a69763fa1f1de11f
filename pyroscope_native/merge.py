# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Merges profiles that are in files."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence

from pyroscope_native.deliver.file import check_output, read_profile, write_outputs
from pyroscope_native.errors import CommandError
from pyroscope_native.label_rules import check_tag
from pyroscope_native.model import Merger, Profile

_PATIENCE_S = 1.0
"""What takes longer says how far it is."""


def merge(paths: Sequence[str], *, outputs: Sequence[str], file_label: str = "") -> int:
    """Write the sum of the pprofs at `paths` to each of `outputs`.

    `file_label`: name of a label that tells the file of each sample that has none of that
    name; empty: no such label. Returns
    the exit status. Raises ConfigError, and CommandError where a file can't be read or
    counts something else than the first; then nothing is written.
    """
    for output in outputs:
        check_output(output)
    if file_label:
        check_tag(file_label, "file")
    merger = Merger()
    progress = _Progress(len(paths))
    try:
        for path, name in zip(paths, _names(paths)):
            progress.show(path)
            profile = _read(path)
            if file_label:
                profile = profile.labelled({file_label: name})
            try:
                merger.add(profile)
            except ValueError as error:
                raise CommandError(f"{path} does not go with {paths[0]}: {error}") from None
    finally:
        progress.clear()
    name = os.path.basename(outputs[0])
    written = write_outputs(merger.profile(), [os.path.abspath(path) for path in outputs], name)
    for place in written:
        print(place)
    return 0 if len(written) == len(outputs) else 1


def _read(path: str) -> Profile:
    try:
        return read_profile(path)
    except ValueError as error:
        raise CommandError(str(error)) from None


def _names(paths: Sequence[str]) -> list[str]:
    """What tells the files apart: their paths without what all share."""
    absolute = [os.path.abspath(path) for path in paths]
    try:
        common = os.path.commonpath([os.path.dirname(path) for path in absolute])
    except ValueError:  # of several drives
        return [path.removesuffix(".pb.gz") for path in absolute]
    return [os.path.relpath(path, common).removesuffix(".pb.gz") for path in absolute]


class _Progress:
    """A line on the terminal that says which file is read, if that takes long."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._shown = 0
        self._width = 0
        self._silent_until_s = time.monotonic() + _PATIENCE_S
        self._is_terminal = sys.stderr.isatty()

    def show(self, path: str) -> None:
        self._shown += 1
        if self._is_terminal and time.monotonic() >= self._silent_until_s:
            self._put(f"reading {self._shown} of {self._count}: {os.path.basename(path)}")

    def clear(self) -> None:
        if self._width:
            self._put("")

    def _put(self, text: str) -> None:
        print(f"\r{text.ljust(self._width)}", end="" if text else "\r", file=sys.stderr, flush=True)
        self._width = len(text)
