# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The profilers that are measured, a module each.

A module says how its profiler is used, in any of three functions:

    command(recording) -> list[str]   words to put before `python …`: it starts the program
    begin(recording) -> stop          start it in this process; stop() ends it, and has
                                      delivered the profile when it returns
    read(recording) -> list[Sample]   what the profile says, in the process that measures

`begin` runs in the profiler's own environment, where only it and this package can be
imported; the others run in ours.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import NamedTuple

from benchmarks.profilers.recording import Recording, Sample

__all__ = ["PEERS", "PROFILERS", "Profiler", "Recording", "Sample"]


class Profiler(NamedTuple):
    """One way of profiling."""

    name: str
    """As reports have it."""
    module: str
    requirements: tuple[str, ...] = ()
    """What pip installs in its environment; none: ours does."""
    python: str = ""
    """The minor version that it needs, if not that which measures."""

    def load(self) -> ModuleType:
        """The module that says how it is used."""
        return importlib.import_module(f"benchmarks.profilers.{self.module}")


OURS = Profiler("pyroscope_native", "pyroscope_native")
NONE = Profiler("none", "none")
PEERS: tuple[Profiler, ...] = ()
PROFILERS = {profiler.name: profiler for profiler in (NONE, OURS, *PEERS)}
