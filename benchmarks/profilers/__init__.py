# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The profilers that are measured, a module each.

A module says how its profiler is used, in any of these functions:

    command(recording, python) -> list[str]
                                      words that run the program in the place of `python`,
                                      which is the path of that of the environment
    begin(recording) -> stop          start it in this process; stop() ends it, and has
                                      delivered the profile when it returns
    labelled(labels) -> context       label what is done in this context manager
    ticks() -> Ticks                  what it has counted of itself, in this process
    read(recording) -> list[Sample]   what the profile says, in the process that measures
    TASK_LABEL                        where it has no labels, that with the name of the task

`begin`, `labelled` and `ticks` run in the profiler's own environment, where only it, the
servers of services and this package can be imported; the others run in ours.

A profile is a file in the recording's directory (each module's `profile_file` names it), or
what has been pushed to its sink (`benchmarks.sink` says where that keeps it).
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import NamedTuple

from benchmarks.profilers.recording import Recording, Sample, Ticks

__all__ = ["PEERS", "PROFILERS", "Profiler", "Recording", "Sample", "Ticks"]


class Profiler(NamedTuple):
    """One way of profiling."""

    name: str
    """As reports have it."""
    module: str
    requirements: tuple[str, ...] = ()
    """What pip installs in its environment."""
    python: str = ""
    """The minor version that it needs, if not that which measures."""
    samples: bool = True
    """Whether it has a rate; if not, it looks at every call."""

    @property
    def has_own_environment(self) -> bool:
        """Whether ours does not do."""
        return bool(self.requirements or self.python)

    def load(self) -> ModuleType:
        """The module that says how it is used."""
        return importlib.import_module(f"benchmarks.profilers.{self.module}")


OURS = Profiler("pyroscope_native", "pyroscope_native")
NONE = Profiler("none", "none")
PEERS = (
    Profiler("pyroscope-io", "pyroscope_io", ("pyroscope-io==1.4.*",)),
    Profiler("pyroscope-io stack", "pyroscope_io_stack", ("pyroscope-io==1.4.*",)),
    Profiler("ddtrace", "ddtrace", ("ddtrace==4.16.*",)),
    Profiler("py-spy", "py_spy", ("py-spy==0.4.*",)),
    Profiler("austin", "austin", ("austin-dist==4.*",)),
    Profiler("profiling.sampling", "profiling_sampling", python="3.15"),
    Profiler("pyinstrument", "pyinstrument", ("pyinstrument==5.1.*",)),
    Profiler("scalene", "scalene", ("scalene==2.4.*",)),
    Profiler("yappi", "yappi", ("yappi==1.7.*",), samples=False),
    Profiler("cProfile", "cprofile", samples=False),
)
PROFILERS = {profiler.name: profiler for profiler in (NONE, OURS, *PEERS)}
