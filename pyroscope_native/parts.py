# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Profiles of a program's children, until the program merges them with its own.

A directory in which each process leaves a file when it ends. It exists as long as the
program does: who finds it gone has outlived the program. JSON and not pprof, whose
library takes longer to load than many a child lives.
"""

from __future__ import annotations

import json
import os
import time

from pyroscope_native.model import Frame, Function, Profile, Sample

_SUFFIX = ".json"


class Parts:
    """Those in `directory`."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def add(self, profile: Profile) -> None:
        """Leave `profile` there, whole or not at all. Raises OSError."""
        name = f"{os.getpid()}-{time.time_ns()}"
        draft = os.path.join(self._directory, name)
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(json.dumps(profile))
        os.rename(draft, draft + _SUFFIX)

    def profiles(self) -> list[Profile]:
        """What has been left so far, in order of time. Raises OSError."""
        names = [name for name in os.listdir(self._directory) if name.endswith(_SUFFIX)]
        profiles = []
        for name in names:
            with open(os.path.join(self._directory, name)) as file:
                profiles.append(_read(file.read()))
        return sorted(profiles, key=lambda profile: profile.time_ns)

    def remove(self) -> None:
        """Who comes now is late. Never raises."""
        try:
            # First of all the name: nobody comes between the removal of two files.
            gone = f"{self._directory}.gone"
            os.rename(self._directory, gone)
            for name in os.listdir(gone):
                os.unlink(os.path.join(gone, name))
            os.rmdir(gone)
        except OSError:
            pass


def _read(text: str) -> Profile:
    profile = Profile(*json.loads(text))
    return profile._replace(
        functions=[Function(*function) for function in profile.functions],
        frames=[Frame(*frame) for frame in profile.frames],
        samples=[
            Sample(tuple(stack), value, tuple([(name, text) for name, text in labels]))
            for stack, value, labels in profile.samples
        ],
        sample_type=(profile.sample_type[0], profile.sample_type[1]),
        period_type=(profile.period_type[0], profile.period_type[1]),
    )
